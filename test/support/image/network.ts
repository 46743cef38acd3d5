// A network of its own: nothing but a loopback.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';

export class Network implements AsyncDisposable {
  readonly #holder: ChildProcess;

  private constructor(holder: ChildProcess) {
    this.#holder = holder;
  }

  static async open(): Promise<Network> {
    const holder = spawn('unshare', ['--net', 'sh', '-c', 'ip link set lo up && echo up && read forever'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await once(holder.stdout, 'data');
    return new Network(holder);
  }

  /** A process that is in it. */
  get pid(): number {
    return this.#holder.pid!;
  }

  /** What starts a program in it. */
  get enter(): readonly string[] {
    return ['nsenter', `--net=/proc/${this.pid}/ns/net`];
  }

  /** Code 0: nobody answers. */
  async get(url: string): Promise<{ readonly code: number; readonly text: string }> {
    const script = `fetch(process.argv[1]).then(async (answer) => console.log(answer.status + ' ' + await answer.text()), () => console.log('0 '))`;
    const [program, ...args] = [...this.enter, process.execPath, '-e', script, url];
    const { stdout } = await promisify(execFile)(program!, args, { maxBuffer: 2 ** 24 });
    const [, code, text] = /^(\d+) (.*)\n$/s.exec(stdout)!;
    return { code: Number(code), text: text! };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#holder.stdin!.end();
  }
}

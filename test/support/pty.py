# Runs a command at a terminal of its own: relays what it shows to standard output, and obeys lines of JSON on standard
# input: {"type": "text"}, {"resize": [rows, columns]}. On standard error it tells the process, when it stops, and how it ended;
# and whether the terminal's settings are then what they were before.
import fcntl
import json
import os
import select
import signal
import struct
import sys
import termios


def tell(what):
    print(json.dumps(what), file=sys.stderr, flush=True)


def is_restored():
    return termios.tcgetattr(terminal) == before


def resize(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


# The shell: the kernel stops nothing that has no parent in its session to have it go on.
def shell():
    os.close(master)
    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        os.tcsetpgrp(terminal, os.getpid())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        for fd in (0, 1, 2):
            os.dup2(terminal, fd)
        os.closerange(3, 64)
        os.execvp(sys.argv[1], sys.argv[1:])
    tell({"pid": pid})
    while True:
        _, code = os.waitpid(pid, os.WUNTRACED)
        if not os.WIFSTOPPED(code):
            tell({"code": os.waitstatus_to_exitcode(code), "restored": is_restored()})
            os._exit(0)
        tell({"stopped": True, "restored": is_restored()})


master, terminal = os.openpty()
resize(master, 24, 80)
before = termios.tcgetattr(terminal)
child = os.fork()
if child == 0:
    shell()
commands = b""
sources = [master, 0]
has_ended = False
while True:
    ready, _, _ = select.select(sources, [], [], 0.02)
    if 0 in ready:
        data = os.read(0, 4096)
        if data == b"":
            # Its terminal goes away, and it with it.
            sys.exit()
        commands += data
        *lines, commands = commands.split(b"\n")
        for line in lines:
            command = json.loads(line)
            if "type" in command:
                os.write(master, command["type"].encode())
            if "resize" in command:
                resize(master, *command["resize"])
    if master in ready:
        os.write(1, os.read(master, 65536))
    elif has_ended:
        break
    has_ended = has_ended or os.waitpid(child, os.WNOHANG)[0] != 0

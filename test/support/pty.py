# Runs a command at a terminal of its own: relays what it shows to standard output, and obeys lines of JSON on standard
# input: {"type": "text"}, {"resize": [rows, columns]}. On standard error it tells the process, and in the end how that ended
# and whether the terminal's settings are again what they were before.
import fcntl
import json
import os
import select
import struct
import sys
import termios


def resize(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


master, terminal = os.openpty()
resize(master, 24, 80)
before = termios.tcgetattr(terminal)
pid = os.fork()
if pid == 0:
    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    for fd in (0, 1, 2):
        os.dup2(terminal, fd)
    os.closerange(3, 64)
    os.execvp(sys.argv[1], sys.argv[1:])

print(json.dumps({"pid": pid}), file=sys.stderr, flush=True)
commands = b""
sources = [master, 0]
status = None
while True:
    ready, _, _ = select.select(sources, [], [], 0.02)
    if 0 in ready:
        data = os.read(0, 4096)
        if data == b"":
            os.kill(pid, 9)
            sources.remove(0)
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
    elif status is not None:
        break
    if status is None:
        ended, code = os.waitpid(pid, os.WNOHANG)
        if ended != 0:
            status = os.waitstatus_to_exitcode(code)
print(json.dumps({"code": status, "restored": termios.tcgetattr(terminal) == before}), file=sys.stderr, flush=True)

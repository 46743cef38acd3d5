# Programs that write, as processes of their own. Usage: writers.py WHAT PATH. Each obeys lines on standard input and
# answers each with a line; the end of input ends it.
import ctypes
import fcntl
import mmap
import os
import random
import struct
import sys
import threading
import time

PAGE = 4096
STRIDE = 617
what, path = sys.argv[1:3]


def say(*words):
    print(*words, flush=True)


def commands():
    """Lines from our parent; every one is answered."""
    for line in sys.stdin:
        yield line.strip()


def until_told(step):
    """Repeats a step until a line comes; a step is never cut short. Says how many there were."""
    told = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.readline(), told.set()), daemon=True).start()
    count = 0
    while not told.is_set():
        step(count)
        count += 1
    return count


def generations():
    """
    Overwrites the file in place, page by page, with the generation's number. In an order in which nobody reads: somebody
    who read in the same order would see a state of the file, however late it was. As 'restless' without any pause.
    """
    fd = os.open(path, os.O_WRONLY)
    pages = os.fstat(fd).st_size // PAGE

    def step(number):
        word = b'%08d' % number
        for k in range(pages):
            os.pwrite(fd, word * (PAGE // 8), k * STRIDE % pages * PAGE)
        # For about as long as it must rest to be read: it often goes on while it is read.
        if what == 'generations' and number % 3 == 2:
            time.sleep(random.uniform(0.02, 0.045))

    say(until_told(step))


def append():
    """Appends numbered lines; never closes."""
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def step(number):
        os.write(fd, b'line %d\n' % number)
        time.sleep(0.0005)

    say(until_told(step))


def rewrite():
    """Truncates, writes and closes, a thousand times a second."""

    def step(number):
        with open(path, 'wb') as file:
            file.write(b'%08d' % number * 64)
        time.sleep(0.001)

    say(until_told(step))


def replace():
    """What editors do, as fast as it goes: another file, renamed over the first."""

    def step(number):
        with open(path + '~', 'wb') as file:
            file.write(b'%08d' % number * 64)
        os.rename(path + '~', path)

    say(until_told(step))


def recreate():
    """Deletes and makes it anew, as fast as it goes."""

    def step(number):
        if os.path.exists(path):
            os.unlink(path)
        with open(path, 'wb') as file:
            file.write(b'%08d' % number)

    say(until_told(step))


def mapped():
    """Stores the first byte of each line through a mapping; closes at the end."""
    with open(path, 'r+b') as file, mmap.mmap(file.fileno(), 0) as store:
        for line in commands():
            store[0:1] = line[0:1].encode()
            say('stored')


def halting():
    """
    One write(2) of two pages of '1' that halts between them, until a line comes: the second page of its buffer is
    missing, and userfaultfd(2) lets us provide it when we like.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
    libc.write.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t]
    userfaultfd = libc.syscall({'x86_64': 323, 'aarch64': 282}[os.uname().machine], os.O_CLOEXEC)
    if userfaultfd < 0:
        sys.exit(77)
    fcntl.ioctl(userfaultfd, 0xC018AA3F, bytearray(struct.pack('QQQ', 0xAA, 0, 0)))  # UFFDIO_API
    buffer = libc.mmap(None, 2 * PAGE, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
    ctypes.memset(buffer, ord('1'), PAGE)
    missing = bytearray(struct.pack('QQQQ', buffer + PAGE, PAGE, 1, 0))
    fcntl.ioctl(userfaultfd, 0xC020AA00, missing)  # UFFDIO_REGISTER
    file = os.open(path, os.O_WRONLY)
    writer = threading.Thread(target=lambda: say('written', libc.write(file, buffer, 2 * PAGE)))
    writer.start()
    sys.stdin.readline()
    page = ctypes.create_string_buffer(b'1' * PAGE, PAGE)
    copy = bytearray(struct.pack('QQQQq', buffer + PAGE, ctypes.addressof(page), PAGE, 0, 0))
    fcntl.ioctl(userfaultfd, 0xC028AA03, copy)  # UFFDIO_COPY
    writer.join()


{
    'generations': generations,
    'restless': generations,
    'append': append,
    'rewrite': rewrite,
    'replace': replace,
    'recreate': recreate,
    'mapped': mapped,
    'halting': halting,
}[what]()
sys.stdin.read()

/* Preloaded into a process, counts its steps and kills it at one of them: CRASH_AT=n. CRASH_TRACE=file gets their names.
   A step is a system call that leaves something behind in files, before it is made; bytes sent to a server, before they
   are; bytes heard from one, after they are. Writes to one descriptor without another step in between are one step. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static long crash_at;
static int trace = -1;
static atomic_long steps;
static atomic_ulong last_written; /* an inode number, which sockets have too */

__attribute__((constructor)) static void begin(void) {
  const char *at = getenv("CRASH_AT"), *file = getenv("CRASH_TRACE");
  crash_at = at ? atol(at) : 0;
  if (file) trace = (int)syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void step(const char *call, const char *what) {
  char line[512];
  int length = snprintf(line, sizeof line, "%s %s\n", call, what);
  if (length >= (int)sizeof line) length = sizeof line - 1;
  if (trace >= 0) syscall(SYS_write, trace, line, length);
  if (atomic_fetch_add(&steps, 1) + 1 != crash_at) return;
  syscall(SYS_kill, getpid(), SIGKILL);
  for (;;) pause();
}

static void change(const char *call, const char *path) {
  last_written = 0;
  step(call, path);
}

static int is_server(int fd) {
  struct sockaddr_storage address;
  socklen_t length = sizeof address;
  return getsockname(fd, (struct sockaddr *)&address, &length) == 0 &&
         (address.ss_family == AF_INET || address.ss_family == AF_INET6);
}

static const char *name_of(int fd, char *name, size_t size) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, name, size - 1);
  name[length < 0 ? 0 : length] = 0;
  return name;
}

static void written(int fd) {
  char name[256];
  struct stat status;
  if (fstat(fd, &status) != 0) return;
  int server = S_ISSOCK(status.st_mode) && is_server(fd);
  if (!server && (fd <= 2 || !S_ISREG(status.st_mode))) return;
  if (atomic_exchange(&last_written, status.st_ino) == status.st_ino) return;
  step(server ? "send" : "write", server ? "" : name_of(fd, name, sizeof name));
}

static void heard(int fd, ssize_t bytes) {
  if (bytes > 0 && is_server(fd)) change("heard", "");
}

#define NEXT(type, name, ...) \
  static type (*next)(__VA_ARGS__); \
  if (!next) next = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

ssize_t write(int fd, const void *bytes, size_t count) {
  NEXT(ssize_t, write, int, const void *, size_t);
  written(fd);
  return next(fd, bytes, count);
}

ssize_t writev(int fd, const struct iovec *pieces, int count) {
  NEXT(ssize_t, writev, int, const struct iovec *, int);
  written(fd);
  return next(fd, pieces, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) {
  NEXT(ssize_t, pwrite, int, const void *, size_t, off_t);
  written(fd);
  return next(fd, bytes, count, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
  NEXT(ssize_t, pwrite64, int, const void *, size_t, off64_t);
  written(fd);
  return next(fd, bytes, count, offset);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
  NEXT(ssize_t, sendmsg, int, const struct msghdr *, int);
  written(fd);
  return next(fd, message, flags);
}

ssize_t read(int fd, void *bytes, size_t count) {
  NEXT(ssize_t, read, int, void *, size_t);
  ssize_t result = next(fd, bytes, count);
  heard(fd, result);
  return result;
}

int open(const char *path, int flags, ...) {
  NEXT(int, open, const char *, int, ...);
  va_list rest;
  va_start(rest, flags);
  mode_t mode = va_arg(rest, mode_t);
  va_end(rest);
  if (flags & O_CREAT) change("create", path);
  return next(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  NEXT(int, open64, const char *, int, ...);
  va_list rest;
  va_start(rest, flags);
  mode_t mode = va_arg(rest, mode_t);
  va_end(rest);
  if (flags & O_CREAT) change("create", path);
  return next(path, flags, mode);
}

int openat(int directory, const char *path, int flags, ...) {
  NEXT(int, openat, int, const char *, int, ...);
  va_list rest;
  va_start(rest, flags);
  mode_t mode = va_arg(rest, mode_t);
  va_end(rest);
  if (flags & O_CREAT) change("create", path);
  return next(directory, path, flags, mode);
}

int renameat2(int from_directory, const char *from, int to_directory, const char *to, unsigned flags) {
  NEXT(int, renameat2, int, const char *, int, const char *, unsigned);
  change("rename", to);
  return next(from_directory, from, to_directory, to, flags);
}

int rename(const char *from, const char *to) {
  NEXT(int, rename, const char *, const char *);
  change("rename", to);
  return next(from, to);
}

int link(const char *from, const char *to) {
  NEXT(int, link, const char *, const char *);
  change("link", to);
  return next(from, to);
}

int symlink(const char *target, const char *path) {
  NEXT(int, symlink, const char *, const char *);
  change("symlink", path);
  return next(target, path);
}

int unlink(const char *path) {
  NEXT(int, unlink, const char *);
  change("unlink", path);
  return next(path);
}

int mkdir(const char *path, mode_t mode) {
  NEXT(int, mkdir, const char *, mode_t);
  change("mkdir", path);
  return next(path, mode);
}

int rmdir(const char *path) {
  NEXT(int, rmdir, const char *);
  change("rmdir", path);
  return next(path);
}

int fchmod(int fd, mode_t mode) {
  NEXT(int, fchmod, int, mode_t);
  change("fchmod", "");
  return next(fd, mode);
}

int ftruncate64(int fd, off64_t length) {
  NEXT(int, ftruncate64, int, off64_t);
  char name[256];
  change("truncate", name_of(fd, name, sizeof name));
  return next(fd, length);
}

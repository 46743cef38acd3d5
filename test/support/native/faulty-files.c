// Preloaded into a process, makes system calls on paths fail as a broken disk does. FAULTY_FILES names a file
// with lines "CALL ERRNO PATH": CALL is stat, list, open or read; PATH is meant with everything beneath it.
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static bool fails(const char *call, const char *path) {
  const char *name = getenv("FAULTY_FILES");
  FILE *file = name == NULL || path == NULL || path[0] != '/' ? NULL : fopen(name, "re");
  if (file == NULL) return false;
  char kind[16], place[PATH_MAX];
  int number;
  bool found = false;
  while (!found && fscanf(file, "%15s %d %4095[^\n]", kind, &number, place) == 3) {
    const size_t length = strlen(place);
    found = strcmp(kind, call) == 0 && strncmp(path, place, length) == 0 && (path[length] == 0 || path[length] == '/');
  }
  fclose(file);
  if (found) errno = number;
  return found;
}

// The same for `name` beneath an open directory, or for the descriptor itself.
static bool descriptor_fails(const char *call, int descriptor, const char *name) {
  char link[32], path[2 * PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  const ssize_t length = readlink(link, path, PATH_MAX);
  if (length < 0) return false;
  snprintf(path + length, sizeof path - (size_t)length, name == NULL ? "" : "/%s", name);
  return fails(call, path);
}

#define REAL(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))

// libuv calls statx(2) this way, and the addon what glibc has only since 2.33: src/native/old-libc.h.
long syscall(long number, ...) {
  va_list list;
  long a[6];
  va_start(list, number);
  for (int i = 0; i < 6; i++) a[i] = va_arg(list, long);
  va_end(list);
  const char *path = (const char *)a[1];
  if (number == SYS_statx && fails("stat", path)) return -1;
  if (number == SYS_fstat && descriptor_fails("stat", (int)a[0], NULL)) return -1;
  if (number == SYS_newfstatat) {
    const bool is_whole = (int)a[0] == AT_FDCWD || path[0] == '/';
    if (is_whole ? fails("stat", path) : descriptor_fails("stat", (int)a[0], path)) return -1;
  }
  return REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int lstat(const char *path, struct stat *seen) { return fails("stat", path) ? -1 : REAL(lstat)(path, seen); }

int fstat(int descriptor, struct stat *seen) {
  return descriptor_fails("stat", descriptor, NULL) ? -1 : REAL(fstat)(descriptor, seen);
}

int fstatat(int directory, const char *name, struct stat *seen, int flags) {
  return descriptor_fails("stat", directory, name) ? -1 : REAL(fstatat)(directory, name, seen, flags);
}

DIR *fdopendir(int descriptor) {
  return descriptor_fails("list", descriptor, NULL) ? NULL : REAL(fdopendir)(descriptor);
}

DIR *opendir(const char *path) {
  return fails("list", path) ? NULL : REAL(opendir)(path);
}

int open64(const char *path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  const int mode = va_arg(list, int);
  va_end(list);
  return fails("open", path) ? -1 : REAL(open64)(path, flags, mode);
}

int open(const char *path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  const int mode = va_arg(list, int);
  va_end(list);
  return fails("open", path) ? -1 : REAL(open)(path, flags, mode);
}

ssize_t read(int descriptor, void *buffer, size_t size) {
  return descriptor_fails("read", descriptor, NULL) ? -1 : REAL(read)(descriptor, buffer, size);
}

ssize_t preadv2(int descriptor, const struct iovec *pieces, int count, off_t offset, int flags) {
  return descriptor_fails("read", descriptor, NULL) ? -1 : REAL(preadv2)(descriptor, pieces, count, offset, flags);
}

ssize_t pread64(int descriptor, void *buffer, size_t size, off64_t offset) {
  return descriptor_fails("read", descriptor, NULL) ? -1 : REAL(pread64)(descriptor, buffer, size, offset);
}

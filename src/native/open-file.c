// Opens a file that is to be read, looks at it and reads what needs no waiting: one call for what most files need.
#define _GNU_SOURCE
#include "addon.h"
#include "stat-record.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include <unistd.h>

// As many bytes as are in memory, none where that cannot be told. preadv2(2), RWF_NOWAIT; tmpfs does not know the flag and
// needs none: it has no disk.
static size_t read_cached(int descriptor, void *bytes, size_t length) {
  struct iovec target = {.iov_base = bytes, .iov_len = length};
  struct statfs facts;
  ssize_t count = preadv2(descriptor, &target, 1, 0, RWF_NOWAIT);
  if (count < 0 && errno == EOPNOTSUPP && fstatfs(descriptor, &facts) == 0 && facts.f_type == TMPFS_MAGIC) {
    count = pread(descriptor, bytes, length, 0);
  }
  return count < 0 ? 0 : (size_t)count;
}

static int open_file(const char *path, struct record *record, void *bytes, size_t capacity) {
  struct stat seen;
  // O_NONBLOCK: nobody may ever write to what has become a FIFO.
  const int descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0) return -errno;
  if (fstat(descriptor, &seen) != 0) {
    const int error = -errno;
    close(descriptor);
    return error;
  }
  *record = record_of(&seen);
  if (S_ISREG(seen.st_mode) && seen.st_size > 0 && (uint64_t)seen.st_size <= capacity) {
    record->more = (uint32_t)read_cached(descriptor, bytes, (size_t)seen.st_size);
  }
  return descriptor;
}

// openFile(path: string, record: Buffer, content: Buffer): a descriptor or a negated errno
//
// One character of the path is one byte. What was opened is told in the record; `more` is how much of the content, from
// its beginning, was put into `content`: nothing of files that are larger than that or would have to be waited for.
napi_value open_file_js(napi_env env, napi_callback_info info) {
  size_t argument_count = 3;
  napi_value arguments[3], result;
  char path[PATH_MAX + 1];
  size_t length, record_size, capacity;
  void *record, *content;
  TRY(env, napi_get_cb_info(env, info, &argument_count, arguments, NULL, NULL));
  TRY(env, napi_get_value_string_latin1(env, arguments[0], path, sizeof path, &length));
  TRY(env, napi_get_buffer_info(env, arguments[1], &record, &record_size));
  TRY(env, napi_get_buffer_info(env, arguments[2], &content, &capacity));
  int descriptor = length == PATH_MAX ? -ENAMETOOLONG : -EINVAL;
  if (length < PATH_MAX && strlen(path) == length && record_size >= sizeof(struct record)) {
    descriptor = open_file(path, record, content, capacity);
  }
  TRY(env, napi_create_int32(env, descriptor, &result));
  return result;
}

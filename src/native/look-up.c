// What a path beneath the root shows, by way of no symbolic link: one call for a path and all the directories above it.
#define _GNU_SOURCE
#include "addon.h"
#include "look-up.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

int look_up(char *path, size_t trusted, bool cut, struct record *record) {
  struct stat seen;
  for (char *slash = strchr(path + trusted, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
    if (slash == path + trusted) continue; // what is trusted is a directory
    *slash = 0;
    const int error = lstat(path, &seen) != 0 ? -errno : S_ISDIR(seen.st_mode) ? 0 : -ENOTDIR;
    *slash = '/';
    if (error != 0) return error;
  }
  if (cut) return -ENAMETOOLONG;
  if (lstat(path, &seen) != 0) return -errno;
  *record = record_of(&seen);
  return 0;
}

// lookUp(path: string, trusted: number, record: Buffer): 0 or a negated errno
//
// One character of the path is one byte. The directories above it, but for the first `trusted` bytes of the path, must
// be directories and no links to some: -ENOTDIR otherwise. What is there is told in the record.
napi_value look_up_js(napi_env env, napi_callback_info info) {
  size_t argument_count = 3;
  napi_value arguments[3], result;
  char path[PATH_MAX + 1];
  size_t length, capacity;
  uint32_t trusted;
  void *record;
  TRY(env, napi_get_cb_info(env, info, &argument_count, arguments, NULL, NULL));
  TRY(env, napi_get_value_string_latin1(env, arguments[0], path, sizeof path, &length));
  TRY(env, napi_get_value_uint32(env, arguments[1], &trusted));
  TRY(env, napi_get_buffer_info(env, arguments[2], &record, &capacity));
  int status = -EINVAL;
  if (strlen(path) == length && trusted <= length && capacity >= sizeof(struct record)) {
    status = look_up(path, trusted, length == PATH_MAX, record);
  }
  TRY(env, napi_create_int32(env, status, &result));
  return result;
}

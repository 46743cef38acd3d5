// What Node lacks: modification times to the nanosecond (its own are doubles), syncfs(2), f_fsid of statfs(2), a clock.
#define _GNU_SOURCE
#include "addon.h"
#include "job.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_SECOND 1000000000LL

struct timespec timespec_of(int64_t ns) {
  struct timespec time = {.tv_sec = ns / NS_PER_SECOND, .tv_nsec = ns % NS_PER_SECOND};
  if (time.tv_nsec < 0) { // before 1970: tv_nsec counts upwards from an earlier second
    time.tv_sec -= 1;
    time.tv_nsec += NS_PER_SECOND;
  }
  return time;
}

// setModified(target: number | Buffer, mtimeNs: bigint): 0 or a negated errno
//
// A number is a descriptor, a Buffer a path whose last name is not followed. The access time stays.
napi_value set_modified_js(napi_env env, napi_callback_info info) {
  size_t argument_count = 2;
  napi_value arguments[2], result;
  napi_valuetype type;
  int64_t ns;
  bool lossless;
  int status;
  TRY(env, napi_get_cb_info(env, info, &argument_count, arguments, NULL, NULL));
  TRY(env, napi_typeof(env, arguments[0], &type));
  TRY(env, napi_get_value_bigint_int64(env, arguments[1], &ns, &lossless));
  const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, timespec_of(ns)};
  if (type == napi_number) {
    int32_t descriptor;
    TRY(env, napi_get_value_int32(env, arguments[0], &descriptor));
    status = futimens(descriptor, times);
  } else {
    char path[PATH_MAX + 1];
    void *bytes;
    size_t length;
    TRY(env, napi_get_buffer_info(env, arguments[0], &bytes, &length));
    if (length >= sizeof path || memchr(bytes, 0, length) != NULL) {
      TRY(env, napi_create_int32(env, length >= sizeof path ? -ENAMETOOLONG : -EINVAL, &result));
      return result;
    }
    memcpy(path, bytes, length);
    path[length] = 0;
    status = utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW);
  }
  TRY(env, napi_create_int32(env, status == 0 ? 0 : -errno, &result));
  return result;
}

// bootTimeMs(): milliseconds since the machine started, those it was suspended included (CLOCK_BOOTTIME)
//
// Node's own monotonic clock stands still while the machine is suspended, and a lease does not.
napi_value boot_time_ms_js(napi_env env, napi_callback_info info) {
  struct timespec now;
  napi_value result;
  (void)info;
  clock_gettime(CLOCK_BOOTTIME, &now); // cannot fail: the clock is there since Linux 2.6.39
  TRY(env, napi_create_double(env, (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6, &result));
  return result;
}

struct sync_request {
  struct job job;
  int descriptor;
  int error;
};

static void sync_execute(napi_env env, void *data) {
  struct sync_request *request = data;
  (void)env;
  request->error = syncfs(request->descriptor) == 0 ? 0 : errno;
}

static void sync_complete(napi_env env, napi_status status, void *data) {
  struct sync_request *request = data;
  napi_value result;
  int error = status == napi_ok ? request->error : ECANCELED;
  if (napi_create_int32(env, -error, &result) == napi_ok) napi_resolve_deferred(env, request->job.deferred, result);
  napi_delete_async_work(env, request->job.work);
  free(request);
}

// syncFileSystem(descriptor: number): Promise of 0 or a negated errno
//
// Runs in the thread pool, for it may take seconds. The descriptor must stay open until then.
napi_value sync_file_system_js(napi_env env, napi_callback_info info) {
  size_t argument_count = 1;
  napi_value descriptor;
  int32_t number;
  TRY(env, napi_get_cb_info(env, info, &argument_count, &descriptor, NULL, NULL));
  TRY(env, napi_get_value_int32(env, descriptor, &number));
  struct sync_request *request = calloc(1, sizeof *request);
  if (request == NULL) {
    napi_throw_error(env, "ENOMEM", "syncFileSystem: out of memory");
    return NULL;
  }
  request->descriptor = number;
  const napi_value promise = start_job(env, "syncFileSystem", sync_execute, sync_complete, request, &request->job);
  if (promise == NULL) free(request);
  return promise;
}

// fileSystemId(descriptor: number): bigint
//
// Both words of f_fsid as one number, or a negated errno.
napi_value file_system_id_js(napi_env env, napi_callback_info info) {
  size_t argument_count = 1;
  napi_value descriptor, result;
  int32_t number;
  struct statfs facts;
  TRY(env, napi_get_cb_info(env, info, &argument_count, &descriptor, NULL, NULL));
  TRY(env, napi_get_value_int32(env, descriptor, &number));
  if (fstatfs(number, &facts) != 0) {
    TRY(env, napi_create_bigint_int64(env, -errno, &result));
    return result;
  }
  uint32_t words[2]; // fsid_t is opaque: statfs(2)
  _Static_assert(sizeof words == sizeof facts.f_fsid, "f_fsid is two words");
  memcpy(words, &facts.f_fsid, sizeof words);
  TRY(env, napi_create_bigint_uint64(env, (uint64_t)words[0] << 32 | words[1], &result));
  return result;
}

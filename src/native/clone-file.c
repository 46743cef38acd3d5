// A file as it is at one instant, to be read at leisure: a clone that shares its blocks and has no name.
#define _GNU_SOURCE
#include "addon.h"
#include "digests.h"
#include "job.h"
#include "stat-record.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

struct clone_request {
  struct job job;
  int source;
  struct record record;
  char directory[PATH_MAX];
};

// Whether all blocks of the source could be written anew: what its owner overwrites while they are shared takes new ones,
// and must not fail for want of room. Where a project quota counts the clone, statfs(2) tells what that leaves.
static int check_room(int source) {
  struct stat seen;
  struct statfs facts;
  if (fstat(source, &seen) != 0 || fstatfs(source, &facts) != 0) return -errno;
  const uint64_t used = (uint64_t)seen.st_blocks * 512;
  return used / (uint64_t)facts.f_bsize < facts.f_bavail ? 0 : -ENOSPC;
}

// ioctl_ficlone(2): atomic with regard to concurrent writes. O_EXCL: nobody can give the file a name. The source is looked
// at right afterwards, before those it kept waiting write on.
static int clone_file(int source, const char *directory, struct record *record) {
  struct stat after;
  int status = check_room(source);
  if (status != 0) return status;
  const int clone = open(directory, O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
  if (clone < 0) return -errno;
  status = ioctl(clone, FICLONE, source) == 0 && fstat(source, &after) == 0 ? check_room(source) : -errno;
  if (status != 0) {
    close(clone);
    return status;
  }
  *record = record_of(&after);
  record->more = (uint32_t)clone;
  return 0;
}

static void clone_execute(napi_env env, void *data) {
  struct clone_request *request = data;
  (void)env;
  request->record.error = clone_file(request->source, request->directory, &request->record);
}

static void clone_complete(napi_env env, napi_status status, void *data) {
  struct clone_request *request = data;
  const struct digests none = {0};
  end_job(env, status, &request->job, 1, &request->record, &none);
  free(request);
}

// cloneFile(source: number, directory: Buffer): Promise of a record
//
// Of the source, as it was right after it had been cloned; `more` is the clone's descriptor. Runs in the thread pool, for
// it may have to wait until what was written is on disk. The source must stay open until then; the directory is one of its
// own file system.
napi_value clone_file_js(napi_env env, napi_callback_info info) {
  size_t argument_count = 2, length;
  napi_value arguments[2];
  int32_t source;
  void *directory;
  TRY(env, napi_get_cb_info(env, info, &argument_count, arguments, NULL, NULL));
  TRY(env, napi_get_value_int32(env, arguments[0], &source));
  TRY(env, napi_get_buffer_info(env, arguments[1], &directory, &length));
  struct clone_request *request = calloc(1, sizeof *request);
  if (request == NULL || length >= sizeof request->directory) {
    free(request);
    napi_throw_error(env, "EINVAL", "cloneFile: out of memory, or the path is too long");
    return NULL;
  }
  request->source = source;
  memcpy(request->directory, directory, length);
  const napi_value promise = start_job(env, "cloneFile", clone_execute, clone_complete, request, &request->job);
  if (promise == NULL) free(request);
  return promise;
}

// New files, each verified, written under a temporary name and given its own when it is complete: many of them by one job
// of the thread pool, with the calls relative to a descriptor that Node lacks.
#define _GNU_SOURCE
#include "addon.h"
#include "digests.h"
#include "job.h"
#include "stat-record.h"
#include "xattrs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

// What a file is given as, in this order.
enum { DIRECTORY, TEMPORARY, NAME, BYTES, MD5, MODE, UID, GID, MTIME, BARE, FIELDS };

// What failed, for the message: see restore/new-files.ts.
enum call { NONE, OPEN_DIRECTORY, OPEN, WRITE, FCHOWN, FCHMOD, FUTIMENS, FSTAT, PLACE, RENAME, CLOSE, VERIFY, FREMOVEXATTR };

struct new_file {
  char *directory; // absolute; no name in it may be a symbolic link
  char *temporary;
  char *name;
  const char *bytes; // of a Buffer that the job holds
  size_t length;
  char md5[2 * MD5_BYTES + 1]; // of the content, in hex; empty if any content will do
  int32_t mode, uid, gid;
  int64_t mtime_ns;
  bool bare; // without what its directory gives it (a default ACL)
};

struct place_request {
  struct job job;
  napi_ref arguments; // keeps the Buffers
  size_t count;
  struct new_file *files;
  struct record *answers;
  struct digests *digests;
};

// Whether the directory is where its path says: the kernel's own name of it differs if a link was followed, or if it was
// moved away.
static bool is_in_place(int directory, const char *path) {
  char link[64], real[PATH_MAX + 1];
  snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
  const ssize_t length = readlink(link, real, sizeof real);
  return length >= 0 && (size_t)length == strlen(path) && memcmp(real, path, (size_t)length) == 0;
}

static int open_directory(const char *path) {
  const int directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (directory < 0 || is_in_place(directory, path)) return directory;
  close(directory);
  errno = ELOOP;
  return -1;
}

static bool write_all(int descriptor, const char *bytes, size_t length) {
  while (length > 0) {
    const ssize_t written = write(descriptor, bytes, length);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes += written;
    length -= (size_t)written;
  }
  return true;
}

// Gives the file its name if that is free, in one step where the file system can.
static int rename_if_free(int directory, const char *from, const char *to) {
  struct stat found;
  if (renameat2(directory, from, directory, to, RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return -1;
  if (fstatat(directory, to, &found, AT_SYMLINK_NOFOLLOW) == 0) errno = EEXIST;
  if (errno != ENOENT) return -1;
  return renameat(directory, from, directory, to);
}

static bool has_md5(const struct digests *digests, const char *hex) {
  static const char digits[] = "0123456789abcdef";
  bool equal = true;
  for (size_t i = 0; i < MD5_BYTES; i++)
    equal &= hex[2 * i] == digits[digests->md5[i] >> 4] && hex[2 * i + 1] == digits[digests->md5[i] & 15];
  return equal;
}

static enum call fill(int descriptor, const struct new_file *file, struct stat *complete) {
  const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, timespec_of(file->mtime_ns)};
  if (!write_all(descriptor, file->bytes, file->length)) return WRITE;
  // Owner before mode: chown(2) clears the set-user-ID bits, and an ACL has its share of the mode. Time last.
  if ((file->uid != -1 || file->gid != -1) && fchown(descriptor, (uid_t)file->uid, (gid_t)file->gid) != 0) return FCHOWN;
  if (file->bare) {
    const int error = set_xattrs(descriptor, NULL, 0);
    if (error != 0) return errno = -error, FREMOVEXATTR;
  }
  if (fchmod(descriptor, (mode_t)file->mode) != 0) return FCHMOD;
  if (futimens(descriptor, times) != 0) return FUTIMENS;
  return fstat(descriptor, complete) == 0 ? NONE : FSTAT;
}

// Answers what failed, and errno with it; then nothing is left under the temporary name.
static enum call place(int directory, const struct new_file *file, struct record *answer) {
  struct stat complete, placed;
  const int descriptor = openat(directory, file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (descriptor < 0) return OPEN;
  enum call failed = fill(descriptor, file, &complete);
  if (failed == NONE && !is_in_place(directory, file->directory)) failed = PLACE, errno = ENOENT;
  if (failed == NONE && rename_if_free(directory, file->temporary, file->name) != 0) failed = RENAME;
  if (failed != NONE) {
    const int error = errno;
    unlinkat(directory, file->temporary, 0);
    close(descriptor);
    errno = error;
    return failed;
  }
  if (fstat(descriptor, &placed) != 0) placed = (struct stat){0};
  // Somebody who found it under either name has written to it, or given it other permissions.
  const bool touched = placed.st_size != complete.st_size || nanoseconds(placed.st_mtim) != nanoseconds(complete.st_mtim) ||
                       placed.st_mode != complete.st_mode;
  *answer = record_of(touched ? &complete : &placed);
  answer->more = touched;
  return close(descriptor) == 0 ? NONE : CLOSE;
}

static bool digest_all(const struct place_request *request) {
  const void **bytes = malloc((request->count + 1) * sizeof *bytes);
  size_t *lengths = malloc((request->count + 1) * sizeof *lengths);
  for (size_t i = 0; bytes != NULL && lengths != NULL && i < request->count; i++) {
    bytes[i] = request->files[i].bytes;
    lengths[i] = request->files[i].length;
  }
  const bool done =
      bytes != NULL && lengths != NULL && digests_of_each(request->count, bytes, lengths, request->digests);
  free(bytes);
  free(lengths);
  return done;
}

static void place_execute(napi_env env, void *data) {
  const struct place_request *request = data;
  const char *path = NULL;
  int directory = -1;
  (void)env;
  const int unverifiable = digest_all(request) ? 0 : ENOMEM;
  for (size_t i = 0; i < request->count; i++) {
    const struct new_file *file = &request->files[i];
    struct record *answer = &request->answers[i];
    const bool is_wrong = file->md5[0] != 0 && !has_md5(&request->digests[i], file->md5);
    if (unverifiable || is_wrong) {
      *answer = (struct record){.error = -(unverifiable ? unverifiable : EBADMSG), .more = VERIFY};
      continue;
    }
    if (path == NULL || strcmp(path, file->directory) != 0) {
      if (directory >= 0) close(directory);
      path = file->directory;
      directory = open_directory(path);
    }
    const enum call failed = directory < 0 ? OPEN_DIRECTORY : place(directory, file, answer);
    if (failed != NONE) *answer = (struct record){.error = -errno, .more = failed};
    if (directory < 0) path = NULL;
  }
  if (directory >= 0) close(directory);
}

static void free_request(struct place_request *request) {
  for (size_t i = 0; request->files != NULL && i < request->count; i++) {
    free(request->files[i].directory);
    free(request->files[i].temporary);
    free(request->files[i].name);
  }
  free(request->files);
  free(request->answers);
  free(request->digests);
  free(request);
}

static void place_complete(napi_env env, napi_status status, void *data) {
  struct place_request *request = data;
  end_job(env, status, &request->job, request->count, request->answers, request->digests);
  napi_delete_reference(env, request->arguments);
  free_request(request);
}

// A copy of a string of one character per byte; NULL with an exception, also for one that C cannot hold.
static char *string_of(napi_env env, napi_value value) {
  size_t length;
  if (napi_get_value_string_latin1(env, value, NULL, 0, &length) != napi_ok) return throw_last_error(env), NULL;
  char *copy = malloc(length + 1);
  if (copy == NULL) return napi_throw_error(env, "ENOMEM", "placeFiles: out of memory"), NULL;
  napi_get_value_string_latin1(env, value, copy, length + 1, &length);
  if (memchr(copy, 0, length) == NULL) return copy;
  free(copy);
  napi_throw_error(env, "EINVAL", "placeFiles: a name holds a NUL");
  return NULL;
}

// Reads one file; false with an exception.
static bool read_file(napi_env env, napi_value from, struct new_file *file) {
  napi_value fields[FIELDS];
  size_t md5_length;
  void *bytes;
  bool lossless;
  for (uint32_t i = 0; i < FIELDS; i++)
    if (napi_get_element(env, from, i, &fields[i]) != napi_ok) return throw_last_error(env), false;
  if ((file->directory = string_of(env, fields[DIRECTORY])) == NULL) return false;
  if ((file->temporary = string_of(env, fields[TEMPORARY])) == NULL) return false;
  if ((file->name = string_of(env, fields[NAME])) == NULL) return false;
  if (napi_get_buffer_info(env, fields[BYTES], &bytes, &file->length) != napi_ok ||
      napi_get_value_string_latin1(env, fields[MD5], file->md5, sizeof file->md5, &md5_length) != napi_ok ||
      napi_get_value_int32(env, fields[MODE], &file->mode) != napi_ok ||
      napi_get_value_int32(env, fields[UID], &file->uid) != napi_ok ||
      napi_get_value_int32(env, fields[GID], &file->gid) != napi_ok ||
      napi_get_value_bigint_int64(env, fields[MTIME], &file->mtime_ns, &lossless) != napi_ok ||
      napi_get_value_bool(env, fields[BARE], &file->bare) != napi_ok)
    return throw_last_error(env), false;
  file->bytes = bytes;
  return true;
}

// placeFiles(files: [directory, temporary, name, bytes, md5, mode, uid, gid, mtimeNs, bare][]): Promise of an ArrayBuffer
//
// Strings hold one character per byte; -1 leaves the user or group as it is. Bytes that have not the MD5 are not placed,
// EBADMSG, unless that is ''; neither is a file whose name is taken, EEXIST. A record answers for each file, and in `more`
// which call failed, or whether somebody else touched it. After all records come the digests of each.
napi_value place_files_js(napi_env env, napi_callback_info info) {
  size_t argument_count = 1;
  uint32_t count;
  napi_value list;
  TRY(env, napi_get_cb_info(env, info, &argument_count, &list, NULL, NULL));
  TRY(env, napi_get_array_length(env, list, &count));
  struct place_request *request = calloc(1, sizeof *request);
  if (request != NULL) {
    request->count = count;
    request->files = calloc(count + 1, sizeof *request->files);
    request->answers = calloc(count + 1, sizeof *request->answers);
    request->digests = calloc(count + 1, sizeof *request->digests);
  }
  if (request == NULL || request->files == NULL || request->answers == NULL || request->digests == NULL) {
    if (request != NULL) free_request(request);
    napi_throw_error(env, "ENOMEM", "placeFiles: out of memory");
    return NULL;
  }
  for (uint32_t i = 0; i < count; i++) {
    napi_value file;
    if (napi_get_element(env, list, i, &file) == napi_ok && read_file(env, file, &request->files[i])) continue;
    throw_last_error(env);
    free_request(request);
    return NULL;
  }
  napi_value promise = NULL;
  if (napi_create_reference(env, list, 1, &request->arguments) != napi_ok) throw_last_error(env);
  else promise = start_job(env, "placeFiles", place_execute, place_complete, request, &request->job);
  if (promise == NULL) free_request(request);
  return promise;
}

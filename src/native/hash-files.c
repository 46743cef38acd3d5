// Small files read as a whole, looked at before and after, and hashed: many of them by one job of the thread pool, so that
// the event loop has next to nothing to do with each.
#define _GNU_SOURCE
#include "addon.h"
#include "digests.h"
#include "job.h"
#include "look-up.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct hash_request {
  struct job job;
  size_t trusted;
  size_t count;
  char *paths; // each with its NUL
  size_t *lengths;
  char *content; // of all files
  const void **bytes;
  struct record *records;
  struct digests *digests;
};

static bool read_all(int descriptor, char *bytes, size_t length) {
  size_t done = 0;
  while (done < length) {
    const ssize_t count = pread(descriptor, bytes + done, length - done, (off_t)done);
    if (count < 0 && errno == EINTR) continue;
    if (count == 0) errno = EAGAIN; // it has become shorter
    if (count <= 0) return false;
    done += (size_t)count;
  }
  return true;
}

static bool is_same_content(const struct record *a, const struct record *b) {
  return a->size == b->size && a->ino == b->ino && a->dev == b->dev && a->mtime_ns == b->mtime_ns &&
         a->ctime_ns == b->ctime_ns && (a->mode & S_IFMT) == (b->mode & S_IFMT);
}

// What is read is one state of the file, which is in its place and has the length that was expected: EAGAIN otherwise.
static int state_of(char *path, size_t trusted, char *bytes, size_t length, struct record *record) {
  struct record after;
  struct stat seen;
  if (strlen(path) < trusted) return -EINVAL;
  // O_NONBLOCK: nobody may ever write to what has become a FIFO.
  const int descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0) return -errno;
  int error = fstat(descriptor, &seen) == 0 ? 0 : -errno;
  if (error == 0) {
    *record = record_of(&seen);
    if (!S_ISREG(seen.st_mode) || (uint64_t)seen.st_size != length) error = -EAGAIN;
  }
  if (error == 0 && !read_all(descriptor, bytes, length)) error = -errno;
  // While it is open nothing else has its inode.
  if (error == 0) error = look_up(path, trusted, false, &after);
  if (error == 0 && !is_same_content(record, &after)) error = -EAGAIN;
  close(descriptor);
  return error;
}

static int read_and_hash(struct hash_request *request) {
  size_t size = 0, at = 0;
  for (size_t i = 0; i < request->count; i++) size += request->lengths[i];
  request->content = malloc(size + 1);
  if (request->content == NULL) return -ENOMEM;
  char *path = request->paths;
  for (size_t i = 0; i < request->count; i++, path += strlen(path) + 1) {
    struct record *record = &request->records[i];
    char *bytes = request->content + at;
    const int error = state_of(path, request->trusted, bytes, request->lengths[i], record);
    if (error != 0) {
      *record = (struct record){.error = error};
      request->lengths[i] = 0; // nothing to be hashed
    }
    request->bytes[i] = bytes;
    at += request->lengths[i];
  }
  return digests_of_each(request->count, request->bytes, request->lengths, request->digests) ? 0 : -ENOMEM;
}

static void hash_execute(napi_env env, void *data) {
  struct hash_request *request = data;
  (void)env;
  const int error = read_and_hash(request);
  for (size_t i = 0; error != 0 && i < request->count; i++) request->records[i].error = error;
}

static void free_request(struct hash_request *request) {
  free(request->paths);
  free(request->lengths);
  free(request->content);
  free(request->bytes);
  free(request->records);
  free(request->digests);
  free(request);
}

static void hash_complete(napi_env env, napi_status status, void *data) {
  struct hash_request *request = data;
  end_job(env, status, &request->job, request->count, request->records, request->digests);
  free_request(request);
}

// hashFiles(paths: string, lengths: Uint32Array, trusted: number): Promise of an ArrayBuffer
//
// One character of the paths is one byte, and each path ends in a NUL. A record answers for each file, and after all of
// them come the digests of each. An error says that the file has not the length that was expected, did not rest, or that a
// directory above it, but for the first `trusted` bytes of its path, is none or a link to one.
napi_value hash_files_js(napi_env env, napi_callback_info info) {
  size_t argument_count = 3, length, count, paths = 0;
  napi_value arguments[3];
  napi_typedarray_type type;
  uint32_t trusted;
  void *lengths;
  TRY(env, napi_get_cb_info(env, info, &argument_count, arguments, NULL, NULL));
  TRY(env, napi_get_value_string_latin1(env, arguments[0], NULL, 0, &length));
  TRY(env, napi_get_typedarray_info(env, arguments[1], &type, &count, &lengths, NULL, NULL));
  TRY(env, napi_get_value_uint32(env, arguments[2], &trusted));
  struct hash_request *request = calloc(1, sizeof *request);
  if (request != NULL) {
    request->trusted = trusted;
    request->count = count;
    request->paths = malloc(length + 1);
    request->lengths = calloc(count + 1, sizeof *request->lengths);
    request->bytes = calloc(count + 1, sizeof *request->bytes);
    request->records = calloc(count + 1, sizeof *request->records);
    request->digests = calloc(count + 1, sizeof *request->digests);
  }
  if (request == NULL || request->paths == NULL || request->lengths == NULL || request->bytes == NULL ||
      request->records == NULL || request->digests == NULL) {
    if (request != NULL) free_request(request);
    napi_throw_error(env, "ENOMEM", "hashFiles: out of memory");
    return NULL;
  }
  napi_status status = napi_get_value_string_latin1(env, arguments[0], request->paths, length + 1, &length);
  for (size_t i = 0; i < length; i++) paths += request->paths[i] == 0;
  const bool fits = type == napi_uint32_array && paths == count && (length == 0 || request->paths[length - 1] == 0);
  for (size_t i = 0; fits && i < count; i++) request->lengths[i] = ((const uint32_t *)lengths)[i];
  napi_value promise = NULL;
  if (status != napi_ok || !fits) throw_last_error(env);
  else promise = start_job(env, "hashFiles", hash_execute, hash_complete, request, &request->job);
  if (promise == NULL) free_request(request);
  return promise;
}

// Extended attributes, ACLs among them, all of a file at once: xattr(7).
//
// In one string they are, in the order of their names: the name, a NUL, the length of the value in four bytes (the most
// significant first), the value.
#define _GNU_SOURCE
#include "xattrs.h"
#include "addon.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

// No list and no value is longer: XATTR_LIST_MAX and XATTR_SIZE_MAX of linux/limits.h.
enum { MOST_BYTES = 65536, LENGTH_BYTES = 4 };

// A descriptor, or a path whose last name is not followed.
struct target {
  int descriptor;
  const char *path; // NULL: the descriptor
};

struct bytes {
  unsigned char *start;
  size_t length, capacity;
};

static bool begins(const char *name, const char *prefix) { return strncmp(name, prefix, strlen(prefix)) == 0; }

// Whether it belongs to the file wherever that is. Labels (security.selinux), signatures (security.ima) and what an
// overlay keeps in its layers belong to the machine.
static bool is_kept(const char *name) {
  return begins(name, "user.") || strcmp(name, "system.posix_acl_access") == 0 ||
         strcmp(name, "system.posix_acl_default") == 0 || strcmp(name, "security.capability") == 0 ||
         (begins(name, "trusted.") && !begins(name, "trusted.overlay."));
}

// How many bytes of names there are, each with its NUL; 0 where there can be none; a negated errno.
static ssize_t list_names(struct target target, char names[MOST_BYTES]) {
  const ssize_t length = target.path == NULL ? flistxattr(target.descriptor, names, MOST_BYTES)
                                             : llistxattr(target.path, names, MOST_BYTES);
  return length >= 0 ? length : errno == ENOTSUP || errno == ENOSYS ? 0 : -errno;
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

// Puts those that are kept in order; the memory is the caller's. NULL if there is none.
static const char **kept_of(const char *names, size_t length, size_t *count) {
  const char **kept = malloc((length / 2 + 1) * sizeof *kept);
  *count = 0;
  if (kept == NULL) return NULL;
  for (const char *name = names; name < names + length; name += strlen(name) + 1)
    if (is_kept(name)) kept[(*count)++] = name;
  qsort(kept, *count, sizeof *kept, by_name);
  return kept;
}

static bool append(struct bytes *to, const void *bytes, size_t length) {
  if (to->capacity - to->length < length) {
    const size_t capacity = 2 * to->capacity + length;
    unsigned char *start = realloc(to->start, capacity);
    if (start == NULL) return false;
    to->start = start;
    to->capacity = capacity;
  }
  memcpy(to->start + to->length, bytes, length);
  to->length += length;
  return true;
}

// Appends one, unless it has gone meanwhile or is only a name, as on some network file systems. 0 or a negated errno.
static int append_value(struct target target, const char *name, struct bytes *to) {
  char value[MOST_BYTES];
  const ssize_t length = target.path == NULL ? fgetxattr(target.descriptor, name, value, sizeof value)
                                             : lgetxattr(target.path, name, value, sizeof value);
  if (length < 0) return errno == ENODATA || errno == ENOTSUP ? 0 : -errno;
  const unsigned char size[LENGTH_BYTES] = {(unsigned char)(length >> 24), (unsigned char)(length >> 16),
                                            (unsigned char)(length >> 8), (unsigned char)length};
  const bool done =
      append(to, name, strlen(name) + 1) && append(to, size, sizeof size) && append(to, value, (size_t)length);
  return done ? 0 : -ENOMEM;
}

static int read_xattrs(struct target target, struct bytes *to) {
  char names[MOST_BYTES];
  size_t count;
  const ssize_t length = list_names(target, names);
  if (length <= 0) return (int)length;
  const char **kept = kept_of(names, (size_t)length, &count);
  int error = kept == NULL ? -ENOMEM : 0;
  for (size_t i = 0; error == 0 && i < count; i++) error = append_value(target, kept[i], to);
  free(kept);
  return error;
}

// The name of the next one, with its value; NULL at the end, or if this is no encoding, which is said in `error`.
static const char *next_of(const unsigned char **at, const unsigned char *end, const unsigned char **value,
                           size_t *length, int *error) {
  if (*at == end) return NULL;
  const unsigned char *name = *at, *stop = memchr(name, 0, (size_t)(end - name));
  if (stop != NULL && stop > name && (size_t)(end - stop - 1) >= LENGTH_BYTES) {
    *length = (size_t)stop[1] << 24 | (size_t)stop[2] << 16 | (size_t)stop[3] << 8 | stop[4];
    *value = stop + 1 + LENGTH_BYTES;
    if (*length <= (size_t)(end - *value)) {
      *at = *value + *length;
      return (const char *)name;
    }
  }
  *error = -EBADMSG;
  return NULL;
}

static bool is_among(const char *name, const unsigned char *encoding, size_t length) {
  const unsigned char *at = encoding, *value;
  size_t value_length;
  int error;
  for (const char *next; (next = next_of(&at, encoding + length, &value, &value_length, &error)) != NULL;)
    if (strcmp(next, name) == 0) return true;
  return false;
}

int set_xattrs(int descriptor, const unsigned char *encoding, size_t length) {
  char names[MOST_BYTES];
  const ssize_t listed = list_names((struct target){.descriptor = descriptor}, names);
  int error = listed < 0 ? (int)listed : 0;
  // What a directory gives its files (a default ACL) goes first.
  for (const char *name = names; listed > 0 && name < names + listed; name += strlen(name) + 1) {
    if (!is_kept(name) || is_among(name, encoding, length) || fremovexattr(descriptor, name) == 0) continue;
    if (error == 0 && errno != ENODATA) error = -errno;
  }
  const unsigned char *at = encoding, *value;
  size_t value_length;
  int malformed = 0;
  for (const char *name; (name = next_of(&at, encoding + length, &value, &value_length, &malformed)) != NULL;) {
    if (!is_kept(name)) errno = EPERM;
    else if (fsetxattr(descriptor, name, value, value_length, 0) == 0) continue;
    if (error == 0) error = -errno;
  }
  return malformed != 0 ? malformed : error;
}

// readXattrs(target: number | Buffer): a Buffer, or 0 if there are none, or a negated errno
//
// A number is a descriptor, a Buffer a path whose last name is not followed. Those are told that belong to the file.
napi_value read_xattrs_js(napi_env env, napi_callback_info info) {
  size_t argument_count = 1;
  napi_value argument, result;
  napi_valuetype type;
  struct target target = {.descriptor = -1};
  char path[PATH_MAX + 1];
  TRY(env, napi_get_cb_info(env, info, &argument_count, &argument, NULL, NULL));
  TRY(env, napi_typeof(env, argument, &type));
  int error = 0;
  if (type == napi_number) {
    TRY(env, napi_get_value_int32(env, argument, &target.descriptor));
  } else {
    void *bytes;
    size_t length;
    TRY(env, napi_get_buffer_info(env, argument, &bytes, &length));
    if (length >= sizeof path || memchr(bytes, 0, length) != NULL) {
      error = length >= sizeof path ? -ENAMETOOLONG : -EINVAL;
    } else {
      memcpy(path, bytes, length);
      path[length] = 0;
      target.path = path;
    }
  }
  struct bytes encoding = {.start = NULL};
  if (error == 0) error = read_xattrs(target, &encoding);
  const napi_status status = error != 0 || encoding.length == 0
                                 ? napi_create_int32(env, error, &result)
                                 : napi_create_buffer_copy(env, encoding.length, encoding.start, NULL, &result);
  free(encoding.start);
  TRY(env, status);
  return result;
}

// setXattrs(descriptor: number, encoding: Buffer): 0 or a negated errno, of the first that failed
//
// Afterwards the file has these and no others of the kind that belongs to it.
napi_value set_xattrs_js(napi_env env, napi_callback_info info) {
  size_t argument_count = 2, length;
  napi_value arguments[2], result;
  int32_t descriptor;
  void *encoding;
  TRY(env, napi_get_cb_info(env, info, &argument_count, arguments, NULL, NULL));
  TRY(env, napi_get_value_int32(env, arguments[0], &descriptor));
  TRY(env, napi_get_buffer_info(env, arguments[1], &encoding, &length));
  TRY(env, napi_create_int32(env, set_xattrs(descriptor, encoding, length), &result));
  return result;
}

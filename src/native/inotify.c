// inotify(7) for Node: a thread of its own empties the kernel's queue, JavaScript gets batches. Only bytes are moved here;
// what an event means is decided in ../watcher.ts.
//
// One struct per inotify instance, shared by two threads. The reader thread appends raw `struct inotify_event`s to
// `data`; the main thread takes the whole of it, at most one call into JavaScript being under way at any time. However
// long the event loop is busy, the kernel's queue (16,384 events by default) is read on.
#define _GNU_SOURCE
#include "addon.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <unistd.h>

// What JavaScript has not taken may grow to this; what comes after is dropped and reported as IN_Q_OVERFLOW.
#define MAX_BUFFER_BYTES (64u << 20)
#define READ_BYTES (64u << 10)
// After a read the thread lets events gather for this long: a storm would otherwise cost one call for every few events.
#define GATHER_MS 2
// musl's default of 128 KiB would do as well; glibc's of 8 MiB is address space for nothing.
#define STACK_BYTES (512u << 10)

typedef struct {
  int inotify_fd;
  int wake_fd;
  pthread_t thread;
  napi_threadsafe_function deliver;
  // The handle and the thread-safe function each hold one reference; both live on the main thread.
  int references;
  bool closed;

  pthread_mutex_t lock; // guards everything below
  uint8_t *data;
  size_t length;
  size_t capacity;
  size_t limit;
  bool dropping; // the buffer ended in an overflow: drop until JavaScript takes it
  bool call_under_way;
  bool stop;
  uint32_t token_asked;
  uint32_t token_read; // every event queued when this token was asked for is in `data` or was in an earlier batch
  uint32_t token_sent;
} Inotify;

static void unreference(Inotify *in) {
  if (--in->references > 0) return;
  pthread_mutex_destroy(&in->lock);
  free(in->data);
  free(in);
}

// Makes room for `more` bytes; false when there is no memory.
static bool reserve(Inotify *in, size_t more) {
  size_t needed = in->length + more;
  if (needed <= in->capacity) return true;
  size_t capacity = in->capacity == 0 ? READ_BYTES : in->capacity;
  while (capacity < needed) capacity *= 2;
  uint8_t *data = realloc(in->data, capacity);
  if (data == NULL) return false;
  in->data = data;
  in->capacity = capacity;
  return true;
}

// Room for this event is kept free at all times, so that it can be reported when there is no memory for anything else.
static const struct inotify_event OVERFLOW_EVENT = {.wd = -1, .mask = IN_Q_OVERFLOW};

static void append(Inotify *in, const uint8_t *bytes, size_t count) {
  if (in->dropping) return;
  size_t spare = sizeof OVERFLOW_EVENT;
  if (in->length + count <= in->limit && reserve(in, count + spare)) {
    memcpy(in->data + in->length, bytes, count);
    in->length += count;
    return;
  }
  in->dropping = true;
  if (!reserve(in, spare)) return; // only an empty buffer has no spare room: take_batch() reports it
  memcpy(in->data + in->length, &OVERFLOW_EVENT, spare);
  in->length += spare;
}

// Reads what was queued when it was called. "Until EAGAIN" alone might never end while writers are busy.
static void drain(Inotify *in) {
  _Alignas(struct inotify_event) uint8_t bytes[READ_BYTES];
  int queued = 0;
  if (ioctl(in->inotify_fd, FIONREAD, &queued) != 0) return;
  for (ssize_t got; queued > 0; queued -= (int)got) {
    got = read(in->inotify_fd, bytes, sizeof bytes);
    if (got <= 0) return;
    pthread_mutex_lock(&in->lock);
    append(in, bytes, (size_t)got);
    pthread_mutex_unlock(&in->lock);
  }
}

static void *read_events(void *argument) {
  Inotify *in = argument;
  struct pollfd wake_or_event[2] = {{.fd = in->wake_fd, .events = POLLIN}, {.fd = in->inotify_fd, .events = POLLIN}};
  for (;;) {
    poll(wake_or_event, 2, -1);
    uint64_t wakes;
    if (read(in->wake_fd, &wakes, sizeof wakes) < 0) wakes = 0; // not woken: an event is there

    pthread_mutex_lock(&in->lock);
    bool stop = in->stop;
    uint32_t token = in->token_asked;
    pthread_mutex_unlock(&in->lock);
    if (stop) return NULL;

    drain(in);

    pthread_mutex_lock(&in->lock);
    in->token_read = token;
    bool news = in->length > 0 || in->dropping || token != in->token_sent;
    bool call = news && !in->call_under_way;
    if (call) in->call_under_way = true;
    pthread_mutex_unlock(&in->lock);
    if (call) napi_call_threadsafe_function(in->deliver, NULL, napi_tsfn_nonblocking);

    poll(wake_or_event, 1, GATHER_MS);
  }
}

typedef struct {
  uint8_t *data;
  size_t length;
  uint32_t token;
} Batch;

static Batch take_batch(Inotify *in) {
  pthread_mutex_lock(&in->lock);
  Batch batch = {in->data, in->length, in->token_read};
  in->data = NULL;
  in->length = in->capacity = 0;
  bool lost = in->dropping && batch.length == 0;
  in->dropping = false;
  in->call_under_way = false;
  in->token_sent = batch.token;
  pthread_mutex_unlock(&in->lock);
  if (lost) {
    batch.data = malloc(sizeof OVERFLOW_EVENT);
    if (batch.data == NULL) abort();
    memcpy(batch.data, &OVERFLOW_EVENT, sizeof OVERFLOW_EVENT);
    batch.length = sizeof OVERFLOW_EVENT;
  }
  return batch;
}

// On the main thread: one batch into JavaScript as onBatch(events: ArrayBuffer, token: number). An exception that it
// throws becomes an uncaught one, as for every other event.
static void call_js(napi_env env, napi_value on_batch, void *context, void *unused) {
  (void)unused;
  Inotify *in = context;
  if (env == NULL || in->closed) return;
  Batch batch = take_batch(in);
  napi_value arguments[2], receiver;
  void *copy;
  napi_status status = napi_create_arraybuffer(env, batch.length, &copy, &arguments[0]);
  if (status == napi_ok && batch.length > 0) memcpy(copy, batch.data, batch.length);
  free(batch.data);
  if (status != napi_ok || napi_create_uint32(env, batch.token, &arguments[1]) != napi_ok ||
      napi_get_undefined(env, &receiver) != napi_ok) {
    throw_last_error(env);
    return;
  }
  napi_call_function(env, receiver, on_batch, 2, arguments, NULL);
}

// Ends the thread and gives everything back. Any number of times, on the main thread.
static void close_instance(Inotify *in) {
  if (in->closed) return;
  in->closed = true;
  pthread_mutex_lock(&in->lock);
  in->stop = true;
  pthread_mutex_unlock(&in->lock);
  eventfd_write(in->wake_fd, 1);
  pthread_join(in->thread, NULL);
  close(in->inotify_fd);
  close(in->wake_fd);
  napi_release_threadsafe_function(in->deliver, napi_tsfn_abort);
}

static void on_environment_exit(void *argument) { close_instance(argument); }

static void on_deliver_gone(napi_env env, void *data, void *unused) {
  (void)env, (void)unused;
  unreference(data);
}

static void on_handle_gone(napi_env env, void *data, void *unused) {
  (void)unused;
  Inotify *in = data;
  napi_remove_env_cleanup_hook(env, on_environment_exit, in);
  close_instance(in);
  unreference(in);
}

static int start_thread(Inotify *in) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  // Signals are the main thread's business.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = pthread_create(&in->thread, &attributes, read_events, in);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  return error;
}

static napi_value number(napi_env env, int value) {
  napi_value result;
  TRY(env, napi_create_int32(env, value, &result));
  return result;
}

// init(onBatch: (events: ArrayBuffer, token: number) => void, limitBytes?: number): handle, or a negative errno
napi_value inotify_init_js(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value arguments[2], name, handle;
  TRY(env, napi_get_cb_info(env, info, &count, arguments, NULL, NULL));
  TRY(env, napi_create_string_utf8(env, "awssyncer inotify", NAPI_AUTO_LENGTH, &name));
  uint32_t limit = MAX_BUFFER_BYTES;
  if (count > 1) TRY(env, napi_get_value_uint32(env, arguments[1], &limit));

  Inotify *in = calloc(1, sizeof *in);
  if (in == NULL) return number(env, -ENOMEM);
  in->limit = limit;
  in->references = 1;
  pthread_mutex_init(&in->lock, NULL);
  in->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  int error = in->inotify_fd < 0 ? errno : 0;
  in->wake_fd = error == 0 ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1;
  if (error == 0 && in->wake_fd < 0) error = errno;
  if (error == 0) {
    napi_status status = napi_create_threadsafe_function(env, arguments[0], NULL, name, 0, 1, in, on_deliver_gone, in,
                                                         call_js, &in->deliver);
    if (status != napi_ok) error = EINVAL;
  }
  if (error == 0) {
    in->references++;
    error = start_thread(in);
    if (error != 0) napi_release_threadsafe_function(in->deliver, napi_tsfn_abort);
  }
  if (error != 0) {
    if (in->inotify_fd >= 0) close(in->inotify_fd);
    if (in->wake_fd >= 0) close(in->wake_fd);
    unreference(in);
    return number(env, -error);
  }
  // Hooks run last in, first out: ours comes before the thread-safe function's own and ends the thread that calls it.
  TRY(env, napi_add_env_cleanup_hook(env, on_environment_exit, in));
  TRY(env, napi_create_external(env, in, on_handle_gone, NULL, &handle));
  return handle;
}

// The instance behind arguments[0], or NULL with an exception pending when it is closed or no handle.
static Inotify *instance_of(napi_env env, napi_callback_info info, size_t count, napi_value *arguments) {
  void *in = NULL;
  size_t given = count;
  TRY(env, napi_get_cb_info(env, info, &given, arguments, NULL, NULL));
  TRY(env, napi_get_value_external(env, arguments[0], &in));
  if (!((Inotify *)in)->closed) return in;
  napi_throw_error(env, "EBADF", "Cannot use the inotify handle: it is closed");
  return NULL;
}

// addWatch(handle, path: Buffer, mask: number): wd, or a negative errno
napi_value inotify_add_watch_js(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  Inotify *in = instance_of(env, info, 3, arguments);
  if (in == NULL) return NULL;
  void *bytes;
  size_t length;
  uint32_t mask;
  TRY(env, napi_get_buffer_info(env, arguments[1], &bytes, &length));
  TRY(env, napi_get_value_uint32(env, arguments[2], &mask));
  char path[4096]; // PATH_MAX, its NUL included
  if (length >= sizeof path) return number(env, -ENAMETOOLONG);
  memcpy(path, bytes, length);
  path[length] = '\0';
  int wd = inotify_add_watch(in->inotify_fd, path, mask);
  return number(env, wd < 0 ? -errno : wd);
}

// rmWatch(handle, wd: number): 0, or a negative errno
napi_value inotify_rm_watch_js(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  Inotify *in = instance_of(env, info, 2, arguments);
  if (in == NULL) return NULL;
  int32_t wd;
  TRY(env, napi_get_value_int32(env, arguments[1], &wd));
  return number(env, inotify_rm_watch(in->inotify_fd, wd) == 0 ? 0 : -errno);
}

// requestToken(handle): the token that a batch will carry once all that is in the kernel's queue now has been delivered
napi_value inotify_request_token_js(napi_env env, napi_callback_info info) {
  napi_value arguments[1], token;
  Inotify *in = instance_of(env, info, 1, arguments);
  if (in == NULL) return NULL;
  pthread_mutex_lock(&in->lock);
  uint32_t asked = ++in->token_asked;
  pthread_mutex_unlock(&in->lock);
  eventfd_write(in->wake_fd, 1);
  TRY(env, napi_create_uint32(env, asked, &token));
  return token;
}

// setRef(handle, keepsLoopAlive: boolean)
napi_value inotify_set_ref_js(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  Inotify *in = instance_of(env, info, 2, arguments);
  if (in == NULL) return NULL;
  bool keep;
  TRY(env, napi_get_value_bool(env, arguments[1], &keep));
  TRY(env, keep ? napi_ref_threadsafe_function(env, in->deliver) : napi_unref_threadsafe_function(env, in->deliver));
  return NULL;
}

// close(handle): any number of times
napi_value inotify_close_js(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value arguments[1];
  void *in;
  TRY(env, napi_get_cb_info(env, info, &count, arguments, NULL, NULL));
  TRY(env, napi_get_value_external(env, arguments[0], &in));
  close_instance(in);
  return NULL;
}

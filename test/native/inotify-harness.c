// Drives the addon's reader thread as JavaScript would, while other threads write: for a run under a sanitizer.
// usage: inotify-harness EMPTY-DIRECTORY
#define _GNU_SOURCE
// Whole, so that the state of the buffer can be waited for.
#include "../../src/native/inotify.c"
#include "napi.h"

#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>

#define WRITERS 2
#define FILES 3000
#define MASK (IN_CREATE | IN_DELETE | IN_CLOSE_WRITE | IN_MODIFY)
#define EVENTS_PER_FILE 4

#define CHECK(condition)                                                   \
  do {                                                                     \
    if (!(condition)) {                                                    \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);      \
      exit(1);                                                             \
    }                                                                      \
  } while (0)

static const char *directory;
static size_t events, overflows;
static atomic_int writers_left;
static uint32_t token_reached;

// Every event of a batch is whole.
static void count(const uint8_t *bytes, size_t length, uint32_t token) {
  struct inotify_event event;
  for (size_t at = 0; at < length; at += sizeof event + event.len) {
    CHECK(at + sizeof event <= length);
    memcpy(&event, bytes + at, sizeof event);
    CHECK(at + sizeof event + event.len <= length);
    if (event.mask & IN_Q_OVERFLOW) overflows++;
    else events++;
  }
  token_reached = token;
}

static void write_file(int writer, int number) {
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s/%d-%d", directory, writer, number);
  int fd = open(path, O_CREAT | O_WRONLY | O_EXCL, 0600);
  CHECK(fd >= 0 && write(fd, "x", 1) == 1 && close(fd) == 0 && unlink(path) == 0);
}

static void *write_files(void *argument) {
  for (int i = 0; i < FILES; i++) write_file(*(int *)argument, i);
  writers_left--;
  return NULL;
}

// At most so many microseconds, another number each time.
static void pause_up_to(unsigned limit_us) {
  static uint32_t state = 1;
  state = state * 1664525 + 1013904223;
  usleep(state % limit_us);
}

// Waits until the reader thread has got so far.
static void wait_until(napi_value handle, bool (*reached)(const Inotify *)) {
  Inotify *in = handle->data;
  for (int tries = 0;; tries++) {
    pthread_mutex_lock(&in->lock);
    bool done = reached(in);
    pthread_mutex_unlock(&in->lock);
    if (done) return;
    CHECK(tries < 30000);
    usleep(1000);
  }
}

static bool holds_events(const Inotify *in) { return in->length > 0; }
static bool drops_events(const Inotify *in) { return in->dropping; }

static napi_value open_watch(uint32_t limit) {
  events = overflows = token_reached = 0;
  napi_value handle = limit == 0 ? call(inotify_init_js, 1, NULL, NULL, NULL)
                                 : call(inotify_init_js, 2, NULL, number_value(limit), NULL);
  CHECK(handle->finalize != NULL);
  napi_value path = buffer_value(directory, strlen(directory));
  CHECK(call(inotify_add_watch_js, 3, handle, path, number_value(MASK))->number > 0);
  return handle;
}

// Everything written before the call has been handed over.
static void barrier(napi_value handle) {
  uint32_t token = (uint32_t)call(inotify_request_token_js, 1, handle, NULL, NULL)->number;
  for (int turns = 0; token_reached < token; turns++) {
    CHECK(turns < 3000);
    turn(10);
  }
}

static void close_watch(napi_value handle) {
  call(inotify_close_js, 1, handle, NULL, NULL);
  call(inotify_close_js, 1, handle, NULL, NULL);
  turn(1);
  collect(handle);
}

// While others write, batches are taken at any time; in the end nothing is missing, or the kernel said that it is.
static void storm(bool close_early) {
  napi_value handle = open_watch(0);
  pthread_t writers[WRITERS];
  int names[WRITERS];
  writers_left = WRITERS;
  for (int i = 0; i < WRITERS; i++) {
    names[i] = i;
    CHECK(pthread_create(&writers[i], NULL, write_files, &names[i]) == 0);
  }
  while (writers_left > (close_early ? WRITERS - 1 : 0)) {
    call(inotify_request_token_js, 1, handle, NULL, NULL);
    pause_up_to(3000);
    turn(1);
  }
  if (close_early) close_watch(handle);
  for (int i = 0; i < WRITERS; i++) CHECK(pthread_join(writers[i], NULL) == 0);
  if (!close_early) {
    barrier(handle);
    CHECK(events == WRITERS * FILES * EVENTS_PER_FILE || overflows > 0);
    close_watch(handle);
  }
  free_values();
}

// A token comes with or after every event that was queued when it was asked for, also if a batch is taken meanwhile.
static void tokens(void) {
  napi_value handle = open_watch(0);
  for (size_t files = 2; files <= 100; files += 2) {
    write_file(0, (int)files);
    wait_until(handle, holds_events);
    write_file(1, (int)files);
    uint32_t token = (uint32_t)call(inotify_request_token_js, 1, handle, NULL, NULL)->number;
    pause_up_to(2000);
    turn(1);
    if (token_reached < token) barrier(handle);
    CHECK(events == files * EVENTS_PER_FILE && overflows == 0);
  }
  close_watch(handle);
  free_values();
}

// What does not fit any more is told of, both behind other events and alone.
static void small_buffers(void) {
  const size_t one_file = EVENTS_PER_FILE * 2 * sizeof(struct inotify_event); // a name of up to 15 bytes is 16
  for (uint32_t limit = 16; limit <= 2 * one_file; limit += 16) {
    napi_value handle = open_watch(limit);
    if (limit >= one_file) {
      write_file(0, 0);
      wait_until(handle, holds_events);
    }
    for (int i = 1; i < 20; i++) write_file(0, i);
    wait_until(handle, drops_events);
    barrier(handle);
    CHECK(overflows >= 1);
    close_watch(handle);
    free_values();
  }
}

// Instances end by a call, by the garbage collector alone, and with the environment.
static void ends(void) {
  for (int i = 0; i < 30; i++) {
    napi_value handle = open_watch(0);
    if (i % 3 == 0) call(inotify_close_js, 1, handle, NULL, NULL);
    if (i % 3 == 1) run_cleanup_hooks();
    collect(handle);
    turn(1);
    free_values();
  }
}

// Paths of every length around the limit, in buffers without a byte to spare.
static void long_paths(void) {
  napi_value handle = open_watch(0);
  char path[PATH_MAX + 8];
  memset(path, 'x', sizeof path);
  for (size_t length = PATH_MAX - 4; length <= sizeof path; length++) {
    napi_value bytes = buffer_value(path, length);
    CHECK(call(inotify_add_watch_js, 3, handle, bytes, number_value(MASK))->number == -ENAMETOOLONG);
  }
  CHECK(call(inotify_add_watch_js, 3, handle, buffer_value("", 0), number_value(MASK))->number == -ENOENT);
  CHECK(call(inotify_rm_watch_js, 2, handle, number_value(12345), NULL)->number == -EINVAL);
  close_watch(handle);
  free_values();
}

int main(int count_of_arguments, char **arguments) {
  CHECK(count_of_arguments == 2);
  directory = arguments[1];
  on_batch = count;
  storm(false);
  storm(true);
  tokens();
  small_buffers();
  ends();
  long_paths();
  return 0;
}

// A Node-API of one thread and no JavaScript: as much of it as the addon calls, and what a harness steers it by.
#ifndef AWSSYNCER_TEST_NAPI_H
#define AWSSYNCER_TEST_NAPI_H

#define NAPI_VERSION 8
#include <node_api.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A value, whatever its type in JavaScript; freed by free_values().
struct napi_value__ {
  int64_t number;
  void *data; // of a buffer, an array buffer, an external
  size_t length;
  napi_finalize finalize;
  napi_value next;
};

// Arguments of the next call.
struct napi_callback_info__ {
  size_t count;
  napi_value arguments[3];
};

napi_value number_value(int64_t number);
napi_value buffer_value(const void *bytes, size_t length);

// Calls an export of the addon; aborts if it throws.
napi_value call(napi_callback function, size_t count, napi_value first, napi_value second, napi_value third);

// What the next batch is given to.
extern void (*on_batch)(const uint8_t *bytes, size_t length, uint32_t token);

// One turn of the event loop: waits up to `ms` for what the addon's threads have asked for, and runs it.
void turn(int ms);

// As when the environment ends: its hooks run, the last one first.
void run_cleanup_hooks(void);

// The garbage collector takes an external.
void collect(napi_value external);

void free_values(void);

#endif

#define _GNU_SOURCE
#include "napi.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HOOKS 64

struct napi_threadsafe_function__ {
  napi_threadsafe_function_call_js call_js;
  napi_finalize finalize;
  void *finalize_data;
  void *context;
  int calls;
  bool closing;
  napi_threadsafe_function next;
};

void (*on_batch)(const uint8_t *bytes, size_t length, uint32_t token);

static napi_value values;
static napi_threadsafe_function functions;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t asked = PTHREAD_COND_INITIALIZER;
static struct {
  void (*run)(void *);
  void *argument;
} hooks[HOOKS];
static size_t hook_count;
static napi_env env = (napi_env)&values; // any address but NULL

static napi_value new_value(void) {
  napi_value value = calloc(1, sizeof *value);
  if (value == NULL) abort();
  value->next = values;
  values = value;
  return value;
}

napi_value number_value(int64_t number) {
  napi_value value = new_value();
  value->number = number;
  return value;
}

// Exactly as long as it says, so that a read beyond it is seen.
napi_value buffer_value(const void *bytes, size_t length) {
  napi_value value = new_value();
  value->data = malloc(length == 0 ? 1 : length);
  value->length = length;
  if (length > 0) memcpy(value->data, bytes, length);
  return value;
}

void free_values(void) {
  while (values != NULL) {
    napi_value value = values;
    values = value->next;
    if (value->finalize == NULL) free(value->data);
    free(value);
  }
}

napi_value call(napi_callback function, size_t count, napi_value first, napi_value second, napi_value third) {
  struct napi_callback_info__ info = {count, {first, second, third}};
  return function(env, &info);
}

void collect(napi_value external) { external->finalize(env, external->data, NULL); }

void run_cleanup_hooks(void) {
  while (hook_count > 0) {
    hook_count--;
    hooks[hook_count].run(hooks[hook_count].argument);
  }
}

void turn(int ms) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_nsec += ms * 1000000L;
  until.tv_sec += until.tv_nsec / 1000000000L;
  until.tv_nsec %= 1000000000L;
  pthread_mutex_lock(&lock);
  for (bool waited = false;; waited = true) {
    napi_threadsafe_function *at = &functions;
    while (*at != NULL && (*at)->calls == 0 && !(*at)->closing) at = &(*at)->next;
    napi_threadsafe_function function = *at;
    if (function == NULL) {
      if (waited || pthread_cond_timedwait(&asked, &lock, &until) != 0) break;
      continue;
    }
    bool closing = function->closing;
    if (closing) *at = function->next;
    else function->calls--;
    pthread_mutex_unlock(&lock);
    if (closing) {
      // Calls that are left are told that there is no environment any more.
      for (int left = function->calls; left > 0; left--) function->call_js(NULL, NULL, function->context, NULL);
      function->finalize(env, function->finalize_data, NULL);
      free(function);
    } else {
      function->call_js(env, NULL, function->context, NULL);
    }
    pthread_mutex_lock(&lock);
    if (!closing) break;
  }
  pthread_mutex_unlock(&lock);
}

// What the addon calls. https://nodejs.org/api/n-api.html

void throw_last_error(napi_env ignored) {
  (void)ignored;
  fputs("a Node-API call failed\n", stderr);
  abort();
}

napi_status napi_throw_error(napi_env e, const char *code, const char *message) {
  (void)e, (void)code;
  fprintf(stderr, "%s\n", message);
  abort();
}

napi_status napi_get_cb_info(napi_env e, napi_callback_info info, size_t *count, napi_value *arguments,
                             napi_value *this_value, void **data) {
  (void)e, (void)this_value, (void)data;
  for (size_t i = 0; i < *count; i++) arguments[i] = i < info->count ? info->arguments[i] : NULL;
  *count = info->count;
  return napi_ok;
}

napi_status napi_create_string_utf8(napi_env e, const char *text, size_t length, napi_value *result) {
  (void)e, (void)text, (void)length;
  *result = number_value(0);
  return napi_ok;
}

napi_status napi_create_int32(napi_env e, int32_t number, napi_value *result) {
  (void)e;
  *result = number_value(number);
  return napi_ok;
}

napi_status napi_create_uint32(napi_env e, uint32_t number, napi_value *result) {
  (void)e;
  *result = number_value(number);
  return napi_ok;
}

napi_status napi_get_undefined(napi_env e, napi_value *result) {
  (void)e;
  *result = NULL;
  return napi_ok;
}

napi_status napi_get_value_int32(napi_env e, napi_value value, int32_t *result) {
  (void)e;
  *result = (int32_t)value->number;
  return napi_ok;
}

napi_status napi_get_value_uint32(napi_env e, napi_value value, uint32_t *result) {
  (void)e;
  *result = (uint32_t)value->number;
  return napi_ok;
}

napi_status napi_get_value_bool(napi_env e, napi_value value, bool *result) {
  (void)e;
  *result = value->number != 0;
  return napi_ok;
}

napi_status napi_get_buffer_info(napi_env e, napi_value value, void **data, size_t *length) {
  (void)e;
  *data = value->data;
  *length = value->length;
  return napi_ok;
}

napi_status napi_create_arraybuffer(napi_env e, size_t length, void **data, napi_value *result) {
  (void)e;
  *result = buffer_value(NULL, 0);
  free((*result)->data);
  *data = (*result)->data = malloc(length == 0 ? 1 : length);
  (*result)->length = length;
  return napi_ok;
}

napi_status napi_call_function(napi_env e, napi_value receiver, napi_value function, size_t count,
                               const napi_value *arguments, napi_value *result) {
  (void)e, (void)receiver, (void)function, (void)count, (void)result;
  on_batch(arguments[0]->data, arguments[0]->length, (uint32_t)arguments[1]->number);
  return napi_ok;
}

napi_status napi_create_external(napi_env e, void *data, napi_finalize finalize, void *hint, napi_value *result) {
  (void)e, (void)hint;
  *result = number_value(0);
  (*result)->data = data;
  (*result)->finalize = finalize;
  return napi_ok;
}

napi_status napi_get_value_external(napi_env e, napi_value value, void **result) {
  (void)e;
  *result = value->data;
  return napi_ok;
}

napi_status napi_add_env_cleanup_hook(napi_env e, void (*run)(void *), void *argument) {
  (void)e;
  if (hook_count == HOOKS) abort();
  hooks[hook_count].run = run;
  hooks[hook_count++].argument = argument;
  return napi_ok;
}

napi_status napi_remove_env_cleanup_hook(napi_env e, void (*run)(void *), void *argument) {
  (void)e, (void)run;
  for (size_t i = 0; i < hook_count; i++) {
    if (hooks[i].argument != argument) continue;
    hooks[i] = hooks[--hook_count];
    break;
  }
  return napi_ok;
}

napi_status napi_create_threadsafe_function(napi_env e, napi_value function, napi_value resource, napi_value name,
                                            size_t queue, size_t threads, void *finalize_data, napi_finalize finalize,
                                            void *context, napi_threadsafe_function_call_js call_js,
                                            napi_threadsafe_function *result) {
  (void)e, (void)function, (void)resource, (void)name, (void)queue, (void)threads;
  napi_threadsafe_function made = calloc(1, sizeof *made);
  made->call_js = call_js;
  made->finalize = finalize;
  made->finalize_data = finalize_data;
  made->context = context;
  pthread_mutex_lock(&lock);
  made->next = functions;
  functions = made;
  pthread_mutex_unlock(&lock);
  *result = made;
  return napi_ok;
}

napi_status napi_call_threadsafe_function(napi_threadsafe_function function, void *data,
                                          napi_threadsafe_function_call_mode mode) {
  (void)data, (void)mode;
  pthread_mutex_lock(&lock);
  function->calls++;
  pthread_cond_signal(&asked);
  pthread_mutex_unlock(&lock);
  return napi_ok;
}

napi_status napi_release_threadsafe_function(napi_threadsafe_function function,
                                             napi_threadsafe_function_release_mode mode) {
  (void)mode;
  pthread_mutex_lock(&lock);
  function->closing = true;
  pthread_mutex_unlock(&lock);
  return napi_ok;
}

napi_status napi_ref_threadsafe_function(napi_env e, napi_threadsafe_function function) {
  (void)e, (void)function;
  return napi_ok;
}

napi_status napi_unref_threadsafe_function(napi_env e, napi_threadsafe_function function) {
  (void)e, (void)function;
  return napi_ok;
}

// Memory that free(3) keeps for the next malloc(3).
#define _GNU_SOURCE
#include "addon.h"

#include <malloc.h>

// trimMemory(): whole pages of it, wherever they lie, go back to the system
napi_value trim_memory_js(napi_env env, napi_callback_info info) {
  (void)env, (void)info;
#ifdef __GLIBC__
  malloc_trim(0);
#endif
  return NULL;
}

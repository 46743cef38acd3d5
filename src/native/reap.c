// Process 1 inherits every orphan and must wait for it, or zombies pile up. Node waits only for the children it spawned.
#define _GNU_SOURCE
#include "addon.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>

static bool contains(const int32_t *pids, size_t count, pid_t pid) {
  for (size_t i = 0; i < count; i++) {
    if (pids[i] == pid) return true;
  }
  return false;
}

// reapOrphans(known: Int32Array): the pids that were reaped
//
// A zombie is looked at first (WNOWAIT) and left alone if Node knows it: taking it would rob Node of its exit status.
// The kernel shows the first zombie only, so a known one ends the round; the caller comes back after Node has waited for it.
napi_value reap_orphans_js(napi_env env, napi_callback_info info) {
  size_t argument_count = 1;
  napi_value known_array, reaped, value;
  napi_typedarray_type type;
  size_t known_count;
  void *known;
  TRY(env, napi_get_cb_info(env, info, &argument_count, &known_array, NULL, NULL));
  TRY(env, napi_get_typedarray_info(env, known_array, &type, &known_count, &known, NULL, NULL));
  if (type != napi_int32_array) {
    napi_throw_type_error(env, NULL, "reapOrphans takes an Int32Array");
    return NULL;
  }
  TRY(env, napi_create_array(env, &reaped));
  for (uint32_t i = 0;; i++) {
    siginfo_t child = {.si_pid = 0};
    if (waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT) != 0 || child.si_pid == 0) return reaped;
    if (contains(known, known_count, child.si_pid)) return reaped;
    if (waitid(P_PID, (id_t)child.si_pid, &child, WEXITED | WNOHANG) != 0) return reaped;
    TRY(env, napi_create_int32(env, child.si_pid, &value));
    TRY(env, napi_set_element(env, reaped, i, value));
  }
}

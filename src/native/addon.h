// What the parts of the addon share.
#ifndef AWSSYNCER_ADDON_H
#define AWSSYNCER_ADDON_H

#define NAPI_VERSION 8
#include <node_api.h>

#include <stddef.h>
#include <stdint.h>
#include <time.h>

// Turns the last failed Node-API call into an exception, unless one is pending already.
void throw_last_error(napi_env env);

// Returns from the function with an exception if the call fails: only misuse by our own binding can make it fail.
#define TRY(env, call)        \
  do {                        \
    if ((call) != napi_ok) {  \
      throw_last_error(env);  \
      return NULL;            \
    }                         \
  } while (0)

// Nanoseconds since 1970, before it too.
struct timespec timespec_of(int64_t ns);

napi_value inotify_init_js(napi_env env, napi_callback_info info);
napi_value inotify_add_watch_js(napi_env env, napi_callback_info info);
napi_value inotify_rm_watch_js(napi_env env, napi_callback_info info);
napi_value inotify_request_token_js(napi_env env, napi_callback_info info);
napi_value inotify_set_ref_js(napi_env env, napi_callback_info info);
napi_value inotify_close_js(napi_env env, napi_callback_info info);
napi_value reap_orphans_js(napi_env env, napi_callback_info info);
napi_value look_up_js(napi_env env, napi_callback_info info);
napi_value set_modified_js(napi_env env, napi_callback_info info);
napi_value read_xattrs_js(napi_env env, napi_callback_info info);
napi_value set_xattrs_js(napi_env env, napi_callback_info info);
napi_value open_file_js(napi_env env, napi_callback_info info);
napi_value clone_file_js(napi_env env, napi_callback_info info);
napi_value hash_files_js(napi_env env, napi_callback_info info);
napi_value boot_time_ms_js(napi_env env, napi_callback_info info);
napi_value sync_file_system_js(napi_env env, napi_callback_info info);
napi_value file_system_id_js(napi_env env, napi_callback_info info);
napi_value trim_memory_js(napi_env env, napi_callback_info info);
napi_value place_files_js(napi_env env, napi_callback_info info);
napi_value read_directory_js(napi_env env, napi_callback_info info);
napi_value md5_of_each_js(napi_env env, napi_callback_info info);
napi_value start_hash_js(napi_env env, napi_callback_info info);
napi_value update_hash_js(napi_env env, napi_callback_info info);
napi_value send_datagram_js(napi_env env, napi_callback_info info);
napi_value end_hash_js(napi_env env, napi_callback_info info);

#endif

// The addon's exports.
#include "addon.h"

#include <stdbool.h>

void throw_last_error(napi_env env) {
  const napi_extended_error_info *info;
  bool pending = false;
  napi_get_last_error_info(env, &info);
  const char *message = info->error_message != NULL ? info->error_message : "Node-API call failed";
  napi_is_exception_pending(env, &pending);
  if (!pending) napi_throw_error(env, "EINVAL", message);
}

NAPI_MODULE_INIT() {
  const napi_property_descriptor functions[] = {
      {"init", NULL, inotify_init_js, NULL, NULL, NULL, napi_enumerable, NULL},
      {"addWatch", NULL, inotify_add_watch_js, NULL, NULL, NULL, napi_enumerable, NULL},
      {"rmWatch", NULL, inotify_rm_watch_js, NULL, NULL, NULL, napi_enumerable, NULL},
      {"requestToken", NULL, inotify_request_token_js, NULL, NULL, NULL, napi_enumerable, NULL},
      {"setRef", NULL, inotify_set_ref_js, NULL, NULL, NULL, napi_enumerable, NULL},
      {"close", NULL, inotify_close_js, NULL, NULL, NULL, napi_enumerable, NULL},
      {"reapOrphans", NULL, reap_orphans_js, NULL, NULL, NULL, napi_enumerable, NULL},
      {"lookUp", NULL, look_up_js, NULL, NULL, NULL, napi_enumerable, NULL},
      {"setModified", NULL, set_modified_js, NULL, NULL, NULL, napi_enumerable, NULL},
      {"readXattrs", NULL, read_xattrs_js, NULL, NULL, NULL, napi_enumerable, NULL},
      {"setXattrs", NULL, set_xattrs_js, NULL, NULL, NULL, napi_enumerable, NULL},
      {"openFile", NULL, open_file_js, NULL, NULL, NULL, napi_enumerable, NULL},
      {"cloneFile", NULL, clone_file_js, NULL, NULL, NULL, napi_enumerable, NULL},
      {"hashFiles", NULL, hash_files_js, NULL, NULL, NULL, napi_enumerable, NULL},
      {"bootTimeMs", NULL, boot_time_ms_js, NULL, NULL, NULL, napi_enumerable, NULL},
      {"syncFileSystem", NULL, sync_file_system_js, NULL, NULL, NULL, napi_enumerable, NULL},
      {"fileSystemId", NULL, file_system_id_js, NULL, NULL, NULL, napi_enumerable, NULL},
      {"trimMemory", NULL, trim_memory_js, NULL, NULL, NULL, napi_enumerable, NULL},
      {"placeFiles", NULL, place_files_js, NULL, NULL, NULL, napi_enumerable, NULL},
      {"readDirectory", NULL, read_directory_js, NULL, NULL, NULL, napi_enumerable, NULL},
      {"md5OfEach", NULL, md5_of_each_js, NULL, NULL, NULL, napi_enumerable, NULL},
      {"startHash", NULL, start_hash_js, NULL, NULL, NULL, napi_enumerable, NULL},
      {"updateHash", NULL, update_hash_js, NULL, NULL, NULL, napi_enumerable, NULL},
      {"sendDatagram", NULL, send_datagram_js, NULL, NULL, NULL, napi_enumerable, NULL},
      {"endHash", NULL, end_hash_js, NULL, NULL, NULL, napi_enumerable, NULL},
  };
  TRY(env, napi_define_properties(env, exports, sizeof functions / sizeof functions[0], functions));
  return exports;
}

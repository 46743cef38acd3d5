// Hashes that are fed piece by piece in the thread pool: Node's own block the event loop, and a thread of JavaScript for
// them costs 20 MB and 100 ms.
#include "addon.h"
#include "evp.h"
#include "job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DIGEST_BYTES 64 // EVP_MAX_MD_SIZE

struct update {
  struct job job;
  napi_ref hash, bytes; // keep them while the thread uses them
  EVP_MD_CTX *context;
  const void *start;
  size_t length;
  int done;
};

static void free_context(napi_env env, void *context, void *hint) {
  (void)env;
  (void)hint;
  EVP_MD_CTX_free(context);
}

// startHash(algorithm: string): a hash of nothing yet
napi_value start_hash_js(napi_env env, napi_callback_info info) {
  size_t argument_count = 1, length;
  napi_value algorithm, result;
  char name[16];
  TRY(env, napi_get_cb_info(env, info, &argument_count, &algorithm, NULL, NULL));
  TRY(env, napi_get_value_string_utf8(env, algorithm, name, sizeof name, &length));
  const EVP_MD *type = EVP_get_digestbyname(name);
  EVP_MD_CTX *context = type == NULL ? NULL : EVP_MD_CTX_new();
  if (context == NULL || EVP_DigestInit_ex(context, type, NULL) != 1) {
    EVP_MD_CTX_free(context);
    napi_throw_error(env, "EINVAL", "startHash: there is no such hash");
    return NULL;
  }
  if (napi_create_external(env, context, free_context, NULL, &result) == napi_ok) return result;
  EVP_MD_CTX_free(context);
  throw_last_error(env);
  return NULL;
}

static void update_execute(napi_env env, void *data) {
  struct update *update = data;
  (void)env;
  update->done = EVP_DigestUpdate(update->context, update->start, update->length);
}

static void forget(napi_env env, struct update *update) {
  if (update->hash != NULL) napi_delete_reference(env, update->hash);
  if (update->bytes != NULL) napi_delete_reference(env, update->bytes);
  free(update);
}

static void update_complete(napi_env env, napi_status status, void *data) {
  struct update *update = data;
  napi_value result;
  const int32_t outcome = status == napi_ok && update->done == 1 ? 0 : -EIO;
  if (napi_create_int32(env, outcome, &result) == napi_ok) napi_resolve_deferred(env, update->job.deferred, result);
  napi_delete_async_work(env, update->job.work);
  forget(env, update);
}

// updateHash(hash, bytes: Uint8Array): Promise of 0 or a negated errno
//
// One after the other for each hash. The bytes must stay as they are until then.
napi_value update_hash_js(napi_env env, napi_callback_info info) {
  size_t argument_count = 2;
  napi_value arguments[2];
  void *context, *start;
  size_t length;
  TRY(env, napi_get_cb_info(env, info, &argument_count, arguments, NULL, NULL));
  TRY(env, napi_get_value_external(env, arguments[0], &context));
  TRY(env, napi_get_buffer_info(env, arguments[1], &start, &length));
  struct update *update = calloc(1, sizeof *update);
  if (update == NULL) {
    napi_throw_error(env, "ENOMEM", "updateHash: out of memory");
    return NULL;
  }
  update->context = context;
  update->start = start;
  update->length = length;
  napi_value promise = NULL;
  if (napi_create_reference(env, arguments[0], 1, &update->hash) != napi_ok ||
      napi_create_reference(env, arguments[1], 1, &update->bytes) != napi_ok)
    throw_last_error(env);
  else promise = start_job(env, "updateHash", update_execute, update_complete, update, &update->job);
  if (promise == NULL) forget(env, update);
  return promise;
}

// endHash(hash): its digest. It takes nothing more, and no update may be under way.
napi_value end_hash_js(napi_env env, napi_callback_info info) {
  size_t argument_count = 1;
  napi_value hash, result;
  void *context, *copied;
  unsigned char digest[MAX_DIGEST_BYTES];
  unsigned int length = 0;
  TRY(env, napi_get_cb_info(env, info, &argument_count, &hash, NULL, NULL));
  TRY(env, napi_get_value_external(env, hash, &context));
  if (EVP_DigestFinal_ex(context, digest, &length) != 1) {
    napi_throw_error(env, "EINVAL", "endHash: it has ended");
    return NULL;
  }
  TRY(env, napi_create_buffer_copy(env, length, digest, &copied, &result));
  return result;
}

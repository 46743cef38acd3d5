// How jobs of the thread pool are started, and how those end that tell of many files.
#define _GNU_SOURCE
#include "job.h"
#include "digests.h"
#include "stat-record.h"

#include <errno.h>
#include <string.h>

napi_value start_job(napi_env env, const char *name, napi_async_execute_callback execute,
                     napi_async_complete_callback complete, void *data, struct job *job) {
  napi_value resource, promise;
  TRY(env, napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &resource));
  TRY(env, napi_create_promise(env, &job->deferred, &promise));
  TRY(env, napi_create_async_work(env, NULL, resource, execute, complete, data, &job->work));
  if (napi_queue_async_work(env, job->work) == napi_ok) return promise;
  throw_last_error(env);
  napi_delete_async_work(env, job->work);
  return NULL;
}

void end_job(napi_env env, napi_status status, const struct job *job, size_t count, struct record *records,
             const struct digests *digests) {
  const size_t records_size = count * sizeof *records, digests_size = count * sizeof *digests;
  napi_value answers;
  void *bytes;
  if (status != napi_ok)
    for (size_t i = 0; i < count; i++) records[i].error = -ECANCELED;
  if (napi_create_arraybuffer(env, records_size + digests_size, &bytes, &answers) == napi_ok) {
    if (count > 0) {
      memcpy(bytes, records, records_size);
      memcpy((char *)bytes + records_size, digests, digests_size);
    }
    napi_resolve_deferred(env, job->deferred, answers);
  }
  napi_delete_async_work(env, job->work);
}

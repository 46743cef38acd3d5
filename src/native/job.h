// Jobs of the thread pool.
#ifndef AWSSYNCER_JOB_H
#define AWSSYNCER_JOB_H

#include "addon.h"

struct record;
struct digests;

// One that has been started. `complete` runs on the event loop afterwards, settles the promise and deletes the work.
struct job {
  napi_async_work work;
  napi_deferred deferred;
};

// Its promise; NULL with an exception, and then neither function is called.
napi_value start_job(napi_env env, const char *name, napi_async_execute_callback execute,
                     napi_async_complete_callback complete, void *data, struct job *job);

// Ends one that tells of many files: with a record for each, and after all of them the digests of each. `status` as
// `complete` is given it; one that never ran tells ECANCELED of all.
void end_job(napi_env env, napi_status status, const struct job *job, size_t count, struct record *records,
             const struct digests *digests);

#endif

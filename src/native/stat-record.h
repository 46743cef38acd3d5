// What is told of a file, as stat-record.ts reads it.
#ifndef AWSSYNCER_STAT_RECORD_H
#define AWSSYNCER_STAT_RECORD_H

#include <stdint.h>
#include <sys/stat.h>

struct record {
  uint64_t size, ino, dev;
  int64_t mtime_ns, ctime_ns;
  uint32_t mode, uid, gid, links;
  int32_t error; // a negated errno: nothing else is told
  uint32_t more; // what else whoever asks is told
};
_Static_assert(sizeof(struct record) == 64, "stat-record.ts goes by this layout");

static inline int64_t nanoseconds(struct timespec time) {
  // Unsigned: what does not fit wraps, which equals no time that was ever stored.
  return (int64_t)((uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec);
}

static inline struct record record_of(const struct stat *seen) {
  return (struct record){
      .size = (uint64_t)seen->st_size,
      .ino = seen->st_ino,
      .dev = seen->st_dev,
      .mtime_ns = nanoseconds(seen->st_mtim),
      .ctime_ns = nanoseconds(seen->st_ctim),
      .mode = seen->st_mode,
      .uid = seen->st_uid,
      .gid = seen->st_gid,
      .links = (uint32_t)seen->st_nlink,
  };
}

#endif

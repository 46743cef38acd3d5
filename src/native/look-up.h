#ifndef AWSSYNCER_LOOK_UP_H
#define AWSSYNCER_LOOK_UP_H

#include "stat-record.h"

#include <stdbool.h>
#include <stddef.h>

// 0, or a negated errno. What lies beyond the first `trusted` bytes of the path is reached by no symbolic link. `cut`: the
// path is longer than the kernel takes, but it may be that a directory above it is gone. The path is as before afterwards.
int look_up(char *path, size_t trusted, bool cut, struct record *record);

#endif

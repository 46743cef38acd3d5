#ifndef AWSSYNCER_XATTRS_H
#define AWSSYNCER_XATTRS_H

#include <stddef.h>

// 0, or the negated errno of the first attribute that could not be as it should; all others are. See xattrs.c.
int set_xattrs(int descriptor, const unsigned char *encoding, size_t length);

#endif

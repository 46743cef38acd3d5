// Hashes of small byte strings, for jobs of the thread pool.
#ifndef AWSSYNCER_DIGESTS_H
#define AWSSYNCER_DIGESTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES 32
#define MD5_BYTES 16

// So many MD5s are computed side by side, in little more than the time of one.
#define MD5_LANES 8

// `hashed-records.ts` goes by this layout.
struct digests {
  uint8_t sha256[SHA256_BYTES];
  uint8_t md5[MD5_BYTES];
};

// Of at most MD5_LANES strings.
void md5_of_each(size_t count, const void *const bytes[], const size_t lengths[], uint8_t digests[][MD5_BYTES]);

// Of any number of strings; false if one cannot be had.
bool digests_of_each(size_t count, const void *const bytes[], const size_t lengths[], struct digests digests[]);

#endif

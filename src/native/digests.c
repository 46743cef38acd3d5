// SHA-256 and MD5 of many small byte strings, for jobs of the thread pool.
#include "digests.h"
#include "evp.h"

#include <stdlib.h>
#include <string.h>

// One string after the other: a context is made once for all of them.
static bool sha256_of_each(size_t count, const void *const bytes[], const size_t lengths[], struct digests digests[]) {
  const EVP_MD *type = EVP_get_digestbyname("sha256");
  EVP_MD_CTX *context = type == NULL ? NULL : EVP_MD_CTX_new();
  bool done = context != NULL;
  for (size_t i = 0; done && i < count; i++) {
    done = EVP_DigestInit_ex(context, type, NULL) == 1 && EVP_DigestUpdate(context, bytes[i], lengths[i]) == 1 &&
           EVP_DigestFinal_ex(context, digests[i].sha256, NULL) == 1;
  }
  EVP_MD_CTX_free(context);
  return done;
}

struct by_length {
  size_t length, index;
};

static int longest_first(const void *left, const void *right) {
  const size_t a = ((const struct by_length *)left)->length, b = ((const struct by_length *)right)->length;
  return a < b ? 1 : a > b ? -1 : 0;
}

bool digests_of_each(size_t count, const void *const bytes[], const size_t lengths[], struct digests digests[]) {
  if (!sha256_of_each(count, bytes, lengths, digests)) return false;
  // As long as the longest take those that are computed with it.
  struct by_length *order = malloc((count + 1) * sizeof *order);
  if (order == NULL) return false;
  for (size_t i = 0; i < count; i++) order[i] = (struct by_length){lengths[i], i};
  qsort(order, count, sizeof *order, longest_first);
  for (size_t at = 0; at < count; at += MD5_LANES) {
    const size_t lanes = count - at < MD5_LANES ? count - at : MD5_LANES;
    const void *of[MD5_LANES];
    size_t of_length[MD5_LANES];
    uint8_t found[MD5_LANES][MD5_BYTES];
    for (size_t i = 0; i < lanes; i++) of[i] = bytes[order[at + i].index], of_length[i] = order[at + i].length;
    md5_of_each(lanes, of, of_length, found);
    for (size_t i = 0; i < lanes; i++) memcpy(digests[order[at + i].index].md5, found[i], MD5_BYTES);
  }
  free(order);
  return true;
}

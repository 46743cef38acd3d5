// Of the OpenSSL that Node brings along and lets addons use, what is used here; its headers are not at hand.
// https://nodejs.org/api/addons.html#linking-to-libraries-included-with-nodejs
#ifndef AWSSYNCER_EVP_H
#define AWSSYNCER_EVP_H

#include <stddef.h>

// https://docs.openssl.org/3.0/man3/EVP_DigestInit/
typedef struct evp_md_ctx_st EVP_MD_CTX;
typedef struct evp_md_st EVP_MD;
extern EVP_MD_CTX *EVP_MD_CTX_new(void);
extern void EVP_MD_CTX_free(EVP_MD_CTX *context);
extern const EVP_MD *EVP_get_digestbyname(const char *name);
extern int EVP_DigestInit_ex(EVP_MD_CTX *context, const EVP_MD *type, void *engine);
extern int EVP_DigestUpdate(EVP_MD_CTX *context, const void *bytes, size_t length);
extern int EVP_DigestFinal_ex(EVP_MD_CTX *context, unsigned char *digest, unsigned int *length);

#endif

// Included before everything else when the addon is built: what is missing from the oldest C libraries that it must run
// on. That is glibc 2.28, on which Node's own builds run, whatever glibc it is built with, and musl 1.2.3.
#ifndef AWSSYNCER_OLD_LIBC_H
#define AWSSYNCER_OLD_LIBC_H

#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#ifdef __x86_64__
#define FIRST_VERSION "GLIBC_2.2.5"
#elif defined __aarch64__
#define FIRST_VERSION "GLIBC_2.17"
#endif

#ifndef __GLIBC__

#include <linux/fs.h>

// The kernel takes the offset in two halves; the first is all of it.
#define preadv2(descriptor, parts, count, offset, flags) \
  syscall(SYS_preadv2, descriptor, parts, count, offset, 0L, flags)
#define renameat2(directory, from, other, to, flags) (int)syscall(SYS_renameat2, directory, from, other, to, flags)

#elif defined FIRST_VERSION

// glibc 2.34 has taken in libpthread, and gave its functions new versions; those of before are still there.
#define FROM_THE_FIRST(name) __asm__(".symver " #name "," #name "@" FIRST_VERSION)
FROM_THE_FIRST(pthread_attr_setstacksize);
FROM_THE_FIRST(pthread_create);
FROM_THE_FIRST(pthread_join);
FROM_THE_FIRST(pthread_sigmask);

// Functions since glibc 2.33. On 64 bits its struct stat is the kernel's.
#define fstat(descriptor, facts) (int)syscall(SYS_fstat, descriptor, facts)
#define fstatat(directory, path, facts, flags) (int)syscall(SYS_newfstatat, directory, path, facts, flags)
#define lstat(path, facts) fstatat(AT_FDCWD, path, facts, AT_SYMLINK_NOFOLLOW)

#endif
#endif

/* Runs a program and counts the system calls of all its threads and children: count-calls RESULT DIRECTORY PROGRAM...
   RESULT gets a line for each count: the calls of each kind below, all calls there were, and of those that read files
   beneath DIRECTORY how many there were and how many bytes they brought. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The same thing has several names, and no machine has all of them. */
static const struct {
  const char *kind;
  long number;
} KINDS[] = {
#ifdef SYS_open
    {"open", SYS_open},
#endif
    {"open", SYS_openat},
    {"open", SYS_openat2},
#ifdef SYS_stat
    {"look", SYS_stat},
    {"look", SYS_lstat},
#endif
    {"look", SYS_fstat},
    {"look", SYS_newfstatat},
    {"look", SYS_statx},
    {"list", SYS_getdents64},
    {"read", SYS_read},
    {"read", SYS_readv},
    {"read", SYS_pread64},
    {"read", SYS_preadv},
    {"read", SYS_preadv2},
    {"map", SYS_mmap},
    {"sync", SYS_fsync},
    {"sync", SYS_fdatasync},
    {"xattr", SYS_llistxattr},
    {"xattr", SYS_flistxattr},
    {"xattr", SYS_lgetxattr},
    {"xattr", SYS_fgetxattr},
    {"xattr", SYS_fsetxattr},
    {"xattr", SYS_fremovexattr},
};
enum { KIND_COUNT = sizeof KINDS / sizeof *KINDS, MAX_THREADS = 256 };

static long counts[KIND_COUNT], all, reads, read_bytes;
static pid_t reading[MAX_THREADS]; /* threads in the middle of a read that counts */

static pid_t *place_of(pid_t thread) {
  for (int at = 0; at < MAX_THREADS; at++) {
    if (reading[at] == thread) return &reading[at];
  }
  return NULL;
}

static int is_beneath(const char *directory, pid_t thread, unsigned long long descriptor) {
  char link[64], name[4096];
  snprintf(link, sizeof link, "/proc/%d/fd/%llu", thread, descriptor);
  const ssize_t length = readlink(link, name, sizeof name - 1);
  const size_t above = strlen(directory);
  return length > (ssize_t)above && strncmp(name, directory, above) == 0 && name[above] == '/';
}

static void count(pid_t thread, const char *directory) {
  struct __ptrace_syscall_info info;
  if (ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info) < 0) return;
  if (info.op == PTRACE_SYSCALL_INFO_EXIT) {
    pid_t *place = place_of(thread);
    if (place == NULL) return;
    *place = 0;
    if (info.exit.rval > 0) read_bytes += info.exit.rval;
    return;
  }
  all++;
  for (int at = 0; at < KIND_COUNT; at++) {
    if ((long)info.entry.nr != KINDS[at].number) continue;
    counts[at]++;
    if (strcmp(KINDS[at].kind, "read") != 0 || !is_beneath(directory, thread, info.entry.args[0])) continue;
    reads++;
    pid_t *free_place = place_of(0);
    if (free_place == NULL) exit(125);
    *free_place = thread;
  }
}

/* Follows everything until nothing is left. Returns the exit code of `first`. */
static int follow(pid_t first, const char *directory) {
  int status, code = 125;
  for (;;) {
    const pid_t thread = waitpid(-1, &status, __WALL);
    if (thread < 0 && errno == ECHILD) return code;
    if (thread < 0 || !WIFSTOPPED(status)) {
      if (thread == first) code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      continue;
    }
    int signal = WSTOPSIG(status);
    if (signal == (SIGTRAP | 0x80)) count(thread, directory);
    /* Stops of the tracer's own making are not passed on: system calls, births, and the first stop of what is born. */
    if (signal == (SIGTRAP | 0x80) || status >> 16 != 0 || signal == SIGSTOP) signal = 0;
    ptrace(PTRACE_SYSCALL, thread, NULL, (void *)(long)signal);
  }
}

int main(int argc, char **argv) {
  if (argc < 4) return 125;
  const pid_t child = fork();
  if (child == 0) {
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    raise(SIGSTOP);
    execvp(argv[3], argv + 3);
    _exit(127);
  }
  if (child < 0 || waitpid(child, NULL, 0) < 0) return 125;
  const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                       PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
  if (ptrace(PTRACE_SETOPTIONS, child, NULL, (void *)options) < 0) return 125;
  ptrace(PTRACE_SYSCALL, child, NULL, NULL);
  const int code = follow(child, argv[2]);
  FILE *result = fopen(argv[1], "w");
  if (result == NULL) return 125;
  for (int at = 0; at < KIND_COUNT; at++) fprintf(result, "%s %ld\n", KINDS[at].kind, counts[at]);
  fprintf(result, "all %ld\nreadsBeneath %ld\nbytesBeneath %ld\n", all, reads, read_bytes);
  return fclose(result) == 0 ? code : 125;
}

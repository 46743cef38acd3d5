// Runs a command and says on descriptor 3 what it and all its descendants took: wall clock, CPU, largest resident set.
// A process of its own, because a child's largest resident set begins with that of who started it, and Node's is large.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile pid_t child;

static void pass_on(int number) {
  if (child > 0) kill(child, number);
}

static double now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static double ms(struct timeval time) { return time.tv_sec * 1e3 + time.tv_usec / 1e3; }

int main(int argc, char **argv) {
  if (argc < 2) return 125;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  signal(SIGTERM, pass_on);
  signal(SIGINT, pass_on);
  double start = now_ms();
  child = fork();
  if (child < 0) return 125;
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    close(3);
    execvp(argv[1], argv + 1);
    _exit(127);
  }
  int status;
  struct rusage usage;
  while (wait4(child, &status, 0, &usage) < 0)
    if (errno != EINTR) return 125;
  dprintf(3,
          "{\"startMs\":%.3f,\"wallMs\":%.3f,\"userMs\":%.3f,\"systemMs\":%.3f,\"peakRssBytes\":%ld,\"exitCode\":%d}\n",
          start, now_ms() - start, ms(usage.ru_utime), ms(usage.ru_stime), usage.ru_maxrss * 1024,
          WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  return 0;
}

#define _GNU_SOURCE
#include "scheduling.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

pid_t test_support_thread(void) { return (pid_t)syscall(SYS_gettid); }

int test_support_become_realtime(void) {
  const struct sched_param parameters = {.sched_priority = 1};
  return sched_setscheduler(0, SCHED_FIFO, &parameters) < 0 ? -errno : 0;
}

int test_support_set_batch(bool is_batch) {
  const struct sched_param parameters = {.sched_priority = 0};
  return sched_setscheduler(0, is_batch ? SCHED_BATCH : SCHED_OTHER, &parameters) < 0 ? -errno : 0;
}

int test_support_policy(pid_t thread) { return sched_getscheduler(thread); }

int test_support_first_processor(pid_t thread) {
  cpu_set_t set;
  if (sched_getaffinity(thread, sizeof set, &set) < 0) return -errno;
  for (int processor = 0; processor < CPU_SETSIZE; processor++) {
    if (CPU_ISSET(processor, &set)) return processor;
  }
  return -ENOENT;
}

int test_support_pin(pid_t thread, int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  return sched_setaffinity(thread, sizeof set, &set) < 0 ? -errno : 0;
}

int test_support_processor_count(pid_t thread) {
  cpu_set_t set;
  return sched_getaffinity(thread, sizeof set, &set) < 0 ? -errno : CPU_COUNT(&set);
}

int test_support_set_niceness(pid_t thread, int niceness) {
  return setpriority(PRIO_PROCESS, (id_t)thread, niceness) < 0 ? -errno : 0;
}

int test_support_niceness(pid_t thread) { return getpriority(PRIO_PROCESS, (id_t)thread); }

long test_support_sleeps(void) {
  struct rusage usage;
  return getrusage(RUSAGE_THREAD, &usage) < 0 ? -1 : usage.ru_nvcsw;
}

void test_support_block_profiling(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPROF);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
}

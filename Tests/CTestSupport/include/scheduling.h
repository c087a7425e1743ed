#ifndef TEST_SUPPORT_SCHEDULING_H
#define TEST_SUPPORT_SCHEDULING_H

// Policies, processors and signal masks of threads, by their numbers (0: the calling thread).

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/// gettid(2).
pid_t test_support_thread(void);

/// sched_setscheduler(2) with SCHED_FIFO. Returns 0 or a negated errno.
int test_support_become_realtime(void);

/// sched_setscheduler(2) with SCHED_BATCH, or SCHED_OTHER.
int test_support_set_batch(bool is_batch);

/// sched_getscheduler(2).
int test_support_policy(pid_t thread);

/// The first processor that a thread may run on.
int test_support_first_processor(pid_t thread);

/// sched_setaffinity(2) to one processor.
int test_support_pin(pid_t thread, int processor);

/// How many processors a thread may run on (sched_getaffinity(2)).
int test_support_processor_count(pid_t thread);

/// setpriority(2), getpriority(2).
int test_support_set_niceness(pid_t thread, int niceness);
int test_support_niceness(pid_t thread);

/// How often this thread has slept (getrusage(2), ru_nvcsw). sched_yield(2) does not count.
long test_support_sleeps(void);

/// Blocks SIGPROF in this thread.
void test_support_block_profiling(void);

#endif

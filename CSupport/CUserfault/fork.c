#define _GNU_SOURCE
#include "cuserfault_fork.h"

#include <pthread.h>
#include <stdbool.h>
#include <time.h>

// A thread of ours that is at work may hold a lock of the Swift runtime or of malloc's: a child that is
// forked then inherits it held by nobody, and waits for it for ever. So fork(2) waits until our threads
// are not at work, which they share this lock for; they wait while somebody forks.
//
// Neither waits longer than a moment: a handler of fork(2) that was registered by somebody else, and is
// under way, may hold what the other needs.

static pthread_rwlock_t work = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
static _Thread_local bool is_at_work __attribute__((tls_model("initial-exec")));
static _Thread_local bool holds_up_work __attribute__((tls_model("initial-exec")));

static struct timespec moment(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  time.tv_nsec += 100 * 1000 * 1000;
  if (time.tv_nsec >= 1000 * 1000 * 1000) {
    time.tv_nsec -= 1000 * 1000 * 1000;
    time.tv_sec += 1;
  }
  return time;
}

void cuserfault_begin_work(void) {
  if (is_at_work) return;
  struct timespec end = moment();
  is_at_work = pthread_rwlock_clockrdlock(&work, CLOCK_MONOTONIC, &end) == 0;
}

void cuserfault_end_work(void) {
  if (is_at_work) pthread_rwlock_unlock(&work);
  is_at_work = false;
}

static void hold_up_work(void) {
  struct timespec end = moment();
  holds_up_work = pthread_rwlock_clockwrlock(&work, CLOCK_MONOTONIC, &end) == 0;
}

static void let_work_go_on(void) {
  if (holds_up_work) pthread_rwlock_unlock(&work);
  holds_up_work = false;
}

static void begin_anew(void) {
  const pthread_rwlock_t unlocked = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
  work = unlocked;
  holds_up_work = false;
  is_at_work = false;
}

static void register_handlers(void) {
  // Without memory for them, a child may find a lock held, as it may find one of the application's.
  (void)pthread_atfork(hold_up_work, let_work_go_on, begin_anew);
}

void cuserfault_prepare_for_forks(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, register_handlers);
}

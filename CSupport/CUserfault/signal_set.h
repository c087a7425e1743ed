#ifndef CUSERFAULT_SIGNAL_SET_H
#define CUSERFAULT_SIGNAL_SET_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/// The signals that are not to be handled in the middle of the library's work, because their
/// handlers are the application's and may write to a region. Left open are those that report the
/// thread's own faults, and SIGPROF: crash reporters stop threads by it, Swift's among them, which
/// says "failed to suspend thread" of one that blocks it; and profilers want to see this work too.
static inline void fill_with_put_off_signals(sigset_t *set) {
  sigfillset(set);
  const int open[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGSYS, SIGPROF};
  for (size_t i = 0; i < sizeof open / sizeof *open; i++) sigdelset(set, open[i]);
#ifdef __GLIBC__
  // The signal of pthread_cancel(3), which sigfillset(3) leaves out. During each read(2) or open(2), the
  // C library takes a thread for one that may be cancelled at any moment, even if it may not be
  // cancelled at all, and a signal that was on its way ends it there.
  *(uint64_t *)set |= UINT64_C(1) << (32 - 1);
#endif
}

/// sigprocmask(2) as the kernel has it: the C library's leaves its own signals out.
static inline void change_signal_mask(int how, const uint64_t *mask, uint64_t *previous) {
  syscall(SYS_rt_sigprocmask, how, mask, previous, sizeof *mask);
}

#endif

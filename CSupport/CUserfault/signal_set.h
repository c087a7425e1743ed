#ifndef CUSERFAULT_SIGNAL_SET_H
#define CUSERFAULT_SIGNAL_SET_H

#include <signal.h>
#include <stddef.h>

/// The signals that are not to be handled in the middle of the library's work, because their
/// handlers are the application's and may write to a region. Left open are those that report the
/// thread's own faults, and SIGPROF: crash reporters stop threads by it, Swift's among them, which
/// says "failed to suspend thread" of one that blocks it; and profilers want to see this work too.
static inline void fill_with_put_off_signals(sigset_t *set) {
  sigfillset(set);
  const int open[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGSYS, SIGPROF};
  for (size_t i = 0; i < sizeof open / sizeof *open; i++) sigdelset(set, open[i]);
}

#endif

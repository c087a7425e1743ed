#ifndef CUSERFAULT_SIGNAL_H
#define CUSERFAULT_SIGNAL_H

// The SIGBUS trampoline of regions whose faults are resolved in the faulting thread
// (UFFD_FEATURE_SIGBUS).

#include "cuserfault_attributes.h"

#include <stdint.h>

/// Resolves a fault at `address`, if it is in a range of ours, and returns 0. Else returns a number
/// that changes with the ranges. Runs in a signal handler with every signal blocked but those that
/// report the handler's own faults, and SIGPROF.
typedef uint64_t (*cuserfault_resolver)(void *_Nonnull context, uint64_t address);

/// Installs the trampoline for SIGBUS, once in a process and its forked children: again only where
/// the application has reset the signal to SIG_DFL or SIG_IGN meanwhile. A handler that the application
/// has installed since then stays in front, and must call the action that it found for what is not its
/// own.
///
/// What `resolver` does not resolve has the effect that it would have had without the trampoline: the
/// handler that was installed before is called with the mask and by the flags of its own action
/// (SA_SIGINFO, SA_NODEFER, SA_RESETHAND), on the thread's signal stack if it has one; SIG_DFL ends the
/// process; SIG_IGN ignores signals that were sent, not faults. If that handler calls the trampoline
/// with the same signal, that has its default effect. A fault that is not ours now, but may have been
/// when it was taken, is repeated first.
///
/// Returns 0 or a negated errno. Not thread-safe: the caller holds a lock.
int cuserfault_install_resolver(cuserfault_resolver _Nonnull resolver, void *_Nonnull context);

#endif

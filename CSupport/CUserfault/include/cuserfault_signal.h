#ifndef CUSERFAULT_SIGNAL_H
#define CUSERFAULT_SIGNAL_H

// The SIGBUS trampoline of regions whose faults are resolved in the faulting thread
// (UFFD_FEATURE_SIGBUS).

#include "cuserfault_attributes.h"

#include <stdint.h>

/// Resolves a fault at `address`, if it is in a range of ours, and returns 0. Else returns a number
/// that changes with the ranges. Runs in a signal handler with every signal blocked but those that
/// report the handler's own faults.
typedef uint64_t (*cuserfault_resolver)(void *_Nonnull context, uint64_t address);

/// Installs the trampoline for SIGBUS. Signals that `resolver` does not resolve go to the handler
/// that was installed before, or have their default effect, once the access has been repeated with
/// the same ranges: one of ours may have been let go of after the fault was taken. Installing it again while it is in
/// place has no effect; after somebody else has replaced it, it is installed before theirs.
/// Returns 0 or a negated errno. Not thread-safe: the caller holds a lock.
int cuserfault_install_resolver(cuserfault_resolver _Nonnull resolver, void *_Nonnull context);

#endif

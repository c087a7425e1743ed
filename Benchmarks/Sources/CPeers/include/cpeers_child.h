// The kernel's own copy-on-write: a forked child holds the memory as it was at the fork.

#ifndef CPEERS_CHILD_H
#define CPEERS_CHILD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#pragma clang assume_nonnull begin

typedef struct cpeers_child {
  pid_t process;
  /// The child ends when it reads a byte from this pipe.
  int lifeline;
  /// The child's report of its save comes out of this pipe.
  int report;
  /// What `fork` took in the parent: the pause.
  uint64_t fork_nanoseconds;
} cpeers_child;

typedef struct cpeers_save_report {
  uint64_t nanoseconds;
  /// Pages that the child alone maps, and its page tables: what the fork costs in memory.
  uint64_t extra_bytes;
  int32_t error;
} cpeers_save_report;

/// Forks a child that sleeps. Returns 0, or -1 with errno set.
int cpeers_child_fork(cpeers_child *child);

/// Forks a child that writes `byte_count` bytes at `base` to the start of a file, reports, and then
/// sleeps. Returns 0, or -1 with errno set.
int cpeers_child_fork_and_save(cpeers_child *child, const void *base, size_t byte_count,
                               int descriptor);

/// Waits for the report of a child that saves. Returns 0, or -1 with errno set.
int cpeers_child_wait_for_save(const cpeers_child *child, cpeers_save_report *report);

/// Ends the child and waits for its end.
void cpeers_child_end(const cpeers_child *child);

#pragma clang assume_nonnull end

#endif

#ifndef CACCOUNTING_TARGETS_H
#define CACCOUNTING_TARGETS_H

#include <stdint.h>
#include <sys/types.h>

/// A process that is there to be read.
struct caccounting_target {
  pid_t pid;
  /// It ends, with its children, when this is closed.
  int control;
  /// What a busy process counts; NULL for others.
  struct caccounting_counters *_Nullable counters;
};

/// The operations that a busy process has finished, and the time that they took.
struct caccounting_counters {
  _Atomic uint64_t operations;
  _Atomic uint64_t nanoseconds;
  /// The longest of them since this was last set to 0.
  _Atomic uint64_t worst;
};

/// What the processes are called (/proc/PID/comm).
#define CACCOUNTING_NAME "cow-target"

/// Starts a process that writes to `bytes` of memory and forks `children`, of which the first
/// `dirty_children` write to half of it. `huge`: in huge pages. `user`: as whom it runs.
/// Returns 0 or a negative errno.
int caccounting_start_tree(uint64_t bytes, int huge, int children, int dirty_children, uid_t user,
                           struct caccounting_target *_Nonnull target);

/// Starts a process that writes to `bytes` of memory and then maps, touches and unmaps a little
/// memory over and over. Returns 0 or a negative errno.
int caccounting_start_busy(uint64_t bytes, struct caccounting_target *_Nonnull target);

/// Ends a process and waits for it.
void caccounting_stop(struct caccounting_target *_Nonnull target);

/// The operations finished by a busy process so far, and their time.
void caccounting_counts(const struct caccounting_target *_Nonnull target,
                        uint64_t *_Nonnull operations, uint64_t *_Nonnull nanoseconds);

/// Reads the pagemap of a process in blocks of 64 KiB, mapping by mapping, and does nothing with it.
/// Returns the number of bytes read or a negative errno.
int64_t caccounting_read_pagemap(pid_t pid);

/// The time of the longest operation of a busy process since this was last asked.
uint64_t caccounting_take_worst(const struct caccounting_target *_Nonnull target);

/// Reads the smaps_rollup of a process and does nothing with it. Returns as above.
int64_t caccounting_read_rollup(pid_t pid);

/// Reads the smaps of a process and does nothing with it. Returns as above.
int64_t caccounting_read_smaps(pid_t pid);

/// Makes `user` the effective user and group, or root again. Returns 0 or a negative errno.
int caccounting_act_as(uid_t user);

#endif

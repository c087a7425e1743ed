// A key-value store under load: one thread updates fixed-size records as fast as it can and takes a
// snapshot at regular intervals.

#ifndef CPEERS_STORE_H
#define CPEERS_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "cpeers_latencies.h"

#pragma clang assume_nonnull begin

typedef struct cpeers_store_load {
  void *base;
  size_t record_size;
  /// The records to update, in order, over and over.
  const uint32_t *records;
  size_t record_count;
  uint64_t duration;
  /// Nanoseconds between snapshots; the first is due after half of them.
  uint64_t snapshot_interval;
  /// Takes a snapshot, in the updating thread; returns whether to go on.
  int (*take_snapshot)(void *context);
  void *context;
} cpeers_store_load;

typedef struct cpeers_store_result {
  uint64_t updates;
  uint64_t nanoseconds;
} cpeers_store_result;

/// Runs the load. An update's latency is the time since the update before it, so a pause counts in
/// full, whoever causes it.
cpeers_store_result cpeers_store_run(const cpeers_store_load *load, cpeers_latencies *latencies);

/// A file in memory to save to, its pages allocated, so that a save costs its copying alone. Returns
/// a descriptor, or -1 with errno set.
int cpeers_store_open_target(size_t byte_count);

#pragma clang assume_nonnull end

#endif

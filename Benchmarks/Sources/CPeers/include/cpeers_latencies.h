// Latencies of single operations, in nanoseconds, recorded without loss and without allocation.
//
// The loops that are measured count into a plain array, which costs a nanosecond; the histograms
// are filled from it afterwards.

#ifndef CPEERS_LATENCIES_H
#define CPEERS_LATENCIES_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#pragma clang assume_nonnull begin

/// Latencies below this are counted one by one; longer ones are listed.
#define CPEERS_LATENCY_LIMIT ((size_t)1 << 16)

typedef struct cpeers_latencies {
  uint32_t *counts;
  uint64_t *long_values;
  size_t long_count;
  size_t long_capacity;
} cpeers_latencies;

/// Returns NULL with errno set on failure.
cpeers_latencies *_Nullable cpeers_latencies_create(void);
void cpeers_latencies_destroy(cpeers_latencies *latencies);

static inline uint64_t cpeers_now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static inline void cpeers_latencies_record(cpeers_latencies *latencies, uint64_t nanoseconds) {
  if (nanoseconds < CPEERS_LATENCY_LIMIT) {
    latencies->counts[nanoseconds] += 1;
  } else if (latencies->long_count < latencies->long_capacity) {
    latencies->long_values[latencies->long_count++] = nanoseconds;
  }
}

#pragma clang assume_nonnull end

#endif

// The loop that writes to pages and times each write: the same one for every peer.

#ifndef CPEERS_WRITERS_H
#define CPEERS_WRITERS_H

#include <stddef.h>
#include <stdint.h>

#include "cpeers_latencies.h"

#pragma clang assume_nonnull begin

/// Writes one word to each listed page, in the order of the list, from `writers` threads that take
/// a contiguous part of it each; `latencies` holds a recorder for each thread. Returns the
/// nanoseconds from the start of the first to the end of the last, or 0 with errno set.
uint64_t cpeers_write_pages(void *base, const uint32_t *pages, size_t count, size_t writers,
                            cpeers_latencies *_Nonnull const *_Nonnull latencies);

/// Writes one word to each listed page and times nothing.
void cpeers_touch_pages(void *base, const uint32_t *pages, size_t count);

#pragma clang assume_nonnull end

#endif

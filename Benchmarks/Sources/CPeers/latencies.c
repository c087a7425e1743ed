#include "cpeers_latencies.h"

#include <stdlib.h>

// Room for the long latencies of the longest measured loop, in which at most one operation in a few
// takes longer than the limit.
static const size_t long_capacity = (size_t)1 << 20;

cpeers_latencies *cpeers_latencies_create(void) {
  cpeers_latencies *latencies = calloc(1, sizeof *latencies);
  if (!latencies) return NULL;
  latencies->counts = calloc(CPEERS_LATENCY_LIMIT, sizeof *latencies->counts);
  latencies->long_values = malloc(long_capacity * sizeof *latencies->long_values);
  latencies->long_capacity = long_capacity;
  if (!latencies->counts || !latencies->long_values) {
    cpeers_latencies_destroy(latencies);
    return NULL;
  }
  // The counts are touched now, so that no operation that is measured pays for their first use.
  for (size_t i = 0; i < CPEERS_LATENCY_LIMIT; i++) {
    *(volatile uint32_t *)&latencies->counts[i] = 0;
  }
  return latencies;
}

void cpeers_latencies_destroy(cpeers_latencies *latencies) {
  free(latencies->counts);
  free(latencies->long_values);
  free(latencies);
}

#include "cpeers_store.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

cpeers_store_result cpeers_store_run(const cpeers_store_load *load, cpeers_latencies *latencies) {
  const size_t words = load->record_size / sizeof(uint64_t);
  const uint64_t began = cpeers_now();
  uint64_t now = began;
  uint64_t next_snapshot = began + load->snapshot_interval / 2;
  uint64_t updates = 0;
  size_t next_record = 0;
  while (now - began < load->duration) {
    if (now >= next_snapshot) {
      next_snapshot += load->snapshot_interval;
      if (!load->take_snapshot(load->context)) break;
    }
    char *record = (char *)load->base + load->records[next_record] * load->record_size;
    for (size_t i = 0; i < words; i++) ((volatile uint64_t *)record)[i] = updates + i;
    next_record = next_record + 1 < load->record_count ? next_record + 1 : 0;
    updates += 1;
    uint64_t finished = cpeers_now();
    cpeers_latencies_record(latencies, finished - now);
    now = finished;
  }
  return (cpeers_store_result){.updates = updates, .nanoseconds = now - began};
}

int cpeers_store_open_target(size_t byte_count) {
  int descriptor = memfd_create("cpeers save", MFD_CLOEXEC);
  if (descriptor < 0) return -1;
  int error = posix_fallocate(descriptor, 0, (off_t)byte_count);
  if (error == 0) return descriptor;
  close(descriptor);
  errno = error;
  return -1;
}

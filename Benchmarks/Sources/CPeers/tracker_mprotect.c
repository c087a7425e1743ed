#include <errno.h>
#include <sys/mman.h>

#include "tracker.h"

static void on_segmentation_fault(int signal, siginfo_t *information, void *context) {
  (void)context;
  int saved_errno = errno;
  cpeers_tracker *tracker = cpeers_current_tracker;
  size_t page;
  if (!cpeers_find_page(tracker, information->si_addr, &page)) {
    cpeers_forward_signal(tracker, signal);
  } else if (cpeers_preserve(tracker, page)) {
    char *address = tracker->base + page * tracker->page_size;
    if (mprotect(address, tracker->page_size, PROT_READ | PROT_WRITE) != 0) {
      // Each page that differs from its neighbours is a mapping of its own, of which a process may
      // have vm.max_map_count. Beyond that there is no copy-on-write by this mechanism.
      atomic_store_explicit(&tracker->failure, errno, memory_order_relaxed);
      mprotect(tracker->base, tracker->byte_count, PROT_READ | PROT_WRITE);
    }
  }
  errno = saved_errno;
}

int cpeers_mprotect_start(cpeers_tracker *tracker) {
  return cpeers_install_handler(tracker, SIGSEGV, on_segmentation_fault);
}

int cpeers_mprotect_set(cpeers_tracker *tracker, bool protect) {
  return mprotect(tracker->base, tracker->byte_count,
                  protect ? PROT_READ : PROT_READ | PROT_WRITE);
}

void cpeers_mprotect_stop(cpeers_tracker *tracker) { cpeers_remove_handler(tracker, SIGSEGV); }

#include "tracker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cpeers_arena.h"

static const uint32_t being_copied = UINT32_MAX;

cpeers_tracker *cpeers_tracker_create(cpeers_mechanism mechanism, void *base, size_t byte_count) {
  cpeers_tracker *tracker = calloc(1, sizeof *tracker);
  if (!tracker) return NULL;
  tracker->mechanism = mechanism;
  tracker->base = base;
  tracker->byte_count = byte_count;
  tracker->page_size = cpeers_page_size();
  tracker->page_count = byte_count / tracker->page_size;
  tracker->descriptor = -1;
  size_t entries_size = tracker->page_count * sizeof *tracker->entries;
  tracker->entries = calloc(1, entries_size);
  tracker->pool = cpeers_arena_map(CPEERS_PAGES_ANONYMOUS_HUGE, byte_count);
  if (!tracker->entries || !tracker->pool) goto failed;
  for (size_t i = 0; i < tracker->page_count; i++) atomic_init(&tracker->entries[i], 0);
  int result = mechanism == CPEERS_MECHANISM_MPROTECT ? cpeers_mprotect_start(tracker)
                                                      : cpeers_userfaultfd_start(tracker);
  if (result == 0) return tracker;

failed:;
  int error = errno;
  if (tracker->pool) cpeers_arena_unmap(tracker->pool, byte_count);
  free(tracker->entries);
  free(tracker);
  errno = error;
  return NULL;
}

static int set_protection(cpeers_tracker *tracker, bool protect) {
  return tracker->mechanism == CPEERS_MECHANISM_MPROTECT
             ? cpeers_mprotect_set(tracker, protect)
             : cpeers_userfaultfd_set(tracker, protect);
}

int cpeers_tracker_protect(cpeers_tracker *tracker) {
  tracker->epoch += 1;
  atomic_store_explicit(&tracker->used_slots, 0, memory_order_relaxed);
  atomic_store_explicit(&tracker->failure, 0, memory_order_relaxed);
  return set_protection(tracker, true);
}

int cpeers_tracker_unprotect(cpeers_tracker *tracker) { return set_protection(tracker, false); }

size_t cpeers_tracker_preserved_pages(const cpeers_tracker *tracker) {
  return atomic_load_explicit(&tracker->used_slots, memory_order_relaxed);
}

int cpeers_tracker_failure(const cpeers_tracker *tracker) {
  return atomic_load_explicit(&tracker->failure, memory_order_relaxed);
}

void cpeers_tracker_destroy(cpeers_tracker *tracker) {
  cpeers_tracker_unprotect(tracker);
  if (tracker->mechanism == CPEERS_MECHANISM_MPROTECT) {
    cpeers_mprotect_stop(tracker);
  } else {
    cpeers_userfaultfd_stop(tracker);
  }
  cpeers_arena_unmap(tracker->pool, tracker->byte_count);
  free(tracker->entries);
  free(tracker);
}

bool cpeers_find_page(const cpeers_tracker *tracker, const void *address, size_t *page) {
  size_t offset = (size_t)((uintptr_t)address - (uintptr_t)tracker->base);
  if (offset >= tracker->byte_count) return false;
  *page = offset / tracker->page_size;
  return true;
}

bool cpeers_preserve(cpeers_tracker *tracker, size_t page) {
  uint64_t epoch = (uint64_t)tracker->epoch << 32;
  uint64_t entry = atomic_load_explicit(&tracker->entries[page], memory_order_acquire);
  if (entry >= epoch) return false;
  if (!atomic_compare_exchange_strong_explicit(&tracker->entries[page], &entry,
                                               epoch | being_copied, memory_order_acquire,
                                               memory_order_acquire)) {
    return false;
  }
  size_t slot = atomic_fetch_add_explicit(&tracker->used_slots, 1, memory_order_relaxed);
  memcpy(tracker->pool + slot * tracker->page_size, tracker->base + page * tracker->page_size,
         tracker->page_size);
  // Published before the protection is lifted, so before the page can change.
  atomic_store_explicit(&tracker->entries[page], epoch | slot, memory_order_release);
  return true;
}

// The slot of a page that is preserved for the present snapshot, or NULL.
static const char *pre_image(const cpeers_tracker *tracker, size_t page) {
  uint64_t entry = atomic_load_explicit(&tracker->entries[page], memory_order_acquire);
  if (entry >> 32 != tracker->epoch || (uint32_t)entry == being_copied) return NULL;
  return tracker->pool + (uint32_t)entry * tracker->page_size;
}

void cpeers_tracker_read_page(const cpeers_tracker *tracker, size_t page, void *target) {
  const char *image = pre_image(tracker, page);
  if (!image) {
    memcpy(target, tracker->base + page * tracker->page_size, tracker->page_size);
    atomic_thread_fence(memory_order_acquire);
    // A page that was written to meanwhile was preserved before.
    image = pre_image(tracker, page);
    if (!image) return;
  }
  memcpy(target, image, tracker->page_size);
}

int cpeers_tracker_save(const cpeers_tracker *tracker, int descriptor) {
  enum { chunk_size = 1 << 20 };
  char *chunk = malloc(chunk_size);
  if (!chunk) return -1;
  int result = 0;
  for (size_t start = 0; start < tracker->byte_count && result == 0; start += chunk_size) {
    size_t end = start + chunk_size;
    if (end > tracker->byte_count) end = tracker->byte_count;
    for (size_t offset = start; offset < end; offset += tracker->page_size) {
      cpeers_tracker_read_page(tracker, offset / tracker->page_size, chunk + (offset - start));
    }
    ssize_t written = pwrite(descriptor, chunk, end - start, (off_t)start);
    if (written != (ssize_t)(end - start)) result = -1;
  }
  free(chunk);
  return result;
}

cpeers_tracker *cpeers_current_tracker;

int cpeers_install_handler(cpeers_tracker *tracker, int signal,
                           void (*handler)(int, siginfo_t *, void *)) {
  cpeers_current_tracker = tracker;
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  sigemptyset(&action.sa_mask);
  return sigaction(signal, &action, &tracker->previous_action);
}

void cpeers_remove_handler(cpeers_tracker *tracker, int signal) {
  sigaction(signal, &tracker->previous_action, NULL);
  cpeers_current_tracker = NULL;
}

void cpeers_forward_signal(const cpeers_tracker *tracker, int signal) {
  // The access is repeated on return and meets the other action.
  sigaction(signal, &tracker->previous_action, NULL);
}

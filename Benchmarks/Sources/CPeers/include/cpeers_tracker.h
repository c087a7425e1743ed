// Copy-on-write within one process, in plain C: the least that each mechanism can cost.
//
// A tracker write-protects a range. The first write to each page copies the page to the next slot
// of a pool, which is populated beforehand and backed by huge pages, and lifts its protection.
// One snapshot at a time, one tracker at a time, and no policy: what the library adds to this is
// what the comparison measures.

#ifndef CPEERS_TRACKER_H
#define CPEERS_TRACKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

typedef enum cpeers_mechanism {
  /// `mprotect` and a handler of SIGSEGV in the faulting thread.
  CPEERS_MECHANISM_MPROTECT,
  /// userfaultfd in write-protect mode; a thread that blocks in `read` resolves the faults.
  CPEERS_MECHANISM_USERFAULTFD_THREAD,
  /// userfaultfd in write-protect mode; the faulting thread resolves its own fault on SIGBUS.
  CPEERS_MECHANISM_USERFAULTFD_SIGBUS,
} cpeers_mechanism;

typedef struct cpeers_tracker cpeers_tracker;

/// Tracks the populated range at `base`, of whole pages. Returns NULL with errno set on failure.
cpeers_tracker *_Nullable cpeers_tracker_create(cpeers_mechanism mechanism, void *base,
                                                size_t byte_count);

/// Begins a snapshot, and ends the one before: the pause that the mechanism costs. Returns 0, or -1
/// with errno set.
int cpeers_tracker_protect(cpeers_tracker *tracker);

/// Ends the snapshot. Returns 0, or -1 with errno set.
int cpeers_tracker_unprotect(cpeers_tracker *tracker);

/// Pages copied since the snapshot began.
size_t cpeers_tracker_preserved_pages(const cpeers_tracker *tracker);

/// The first error in resolving a fault since the snapshot began, after which the rest of the range
/// was left unprotected; 0 if there was none.
int cpeers_tracker_failure(const cpeers_tracker *tracker);

/// Copies the content of one page as of the snapshot.
void cpeers_tracker_read_page(const cpeers_tracker *tracker, size_t page, void *target);

/// Writes the range as of the snapshot to the start of a file. Returns 0, or -1 with errno set.
int cpeers_tracker_save(const cpeers_tracker *tracker, int descriptor);

void cpeers_tracker_destroy(cpeers_tracker *tracker);

#pragma clang assume_nonnull end

#endif

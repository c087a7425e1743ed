#ifndef CUSERFAULT_MEMORY_H
#define CUSERFAULT_MEMORY_H

// Page-sized accesses of the fault path, and the waits that the C library has no wrapper for.

#include "cuserfault_attributes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/// memcpy(3).
static inline void cuserfault_copy_bytes(
    void *_Nonnull destination, const void *_Nonnull source, size_t count) CUSERFAULT_REALTIME {
  memcpy(destination, source, count);
}

/// Copies whole cache lines past the cache, and fetches as many from `next`, where the caller will copy
/// from next: for copies in bulk, which are larger than the cache. No store orders these bytes for
/// other processors: call `cuserfault_finish_copies` before. The addresses are aligned to cache lines.
void cuserfault_copy_past_cache(
    void *_Nonnull destination, const void *_Nonnull source, const void *_Nonnull next, size_t count)
    CUSERFAULT_REALTIME;

/// Orders the copies past the cache before every store that follows.
void cuserfault_finish_copies(void) CUSERFAULT_REALTIME;

/// Copies whole pages that may turn out not to be readable (process_vm_readv(2) of the caller's own
/// process). Returns how many bytes were copied, from the start on, or a negated errno.
int64_t cuserfault_copy_if_readable(uint64_t destination, uint64_t source, size_t count)
    CUSERFAULT_REALTIME;

/// Fetches the cache line at an address that need not be valid.
static inline void cuserfault_prefetch(const void *_Nonnull address) CUSERFAULT_REALTIME {
  __builtin_prefetch(address);
}

/// memset(3) with zero.
static inline void cuserfault_zero_bytes(void *_Nonnull bytes, size_t count) CUSERFAULT_REALTIME {
  memset(bytes, 0, count);
}

/// Whether `count` bytes are all zero; `count` is at least 16. Stops at the first that is not.
static inline bool cuserfault_is_zero(const void *_Nonnull bytes, size_t count)
    CUSERFAULT_REALTIME {
  static const unsigned char zeros[16];
  // Each byte equals the one 16 before it, and the first 16 are zero.
  return memcmp(bytes, zeros, 16) == 0
      && memcmp(bytes, (const unsigned char *)bytes + 16, count - 16) == 0;
}

/// Writes a byte's own value back, so that the kernel makes a private copy of its page. One
/// read-modify-write: a load first would cost a second page fault. `volatile` keeps the compiler
/// from dropping a write that changes nothing.
static inline void cuserfault_touch(void *_Nonnull page) CUSERFAULT_REALTIME {
  __atomic_fetch_or((volatile unsigned char *)page, 0, __ATOMIC_RELAXED);
}

/// mlock2(2) with MLOCK_ONFAULT: pages are locked as they come into being.
int cuserfault_lock_on_fault(uint64_t start, uint64_t length);

/// CLOCK_MONOTONIC in nanoseconds (clock_gettime(2), through the vDSO).
uint64_t cuserfault_nanoseconds(void) CUSERFAULT_REALTIME;

/// madvise(2) with MADV_POPULATE_WRITE (Linux 5.14). Returns 0 or a negated errno.
int cuserfault_populate_write(uint64_t start, uint64_t length) CUSERFAULT_REALTIME;

/// madvise(2) with MADV_POPULATE_READ (Linux 5.14). Returns 0 or a negated errno.
int cuserfault_populate_read(uint64_t start, uint64_t length) CUSERFAULT_REALTIME;

/// sched_yield(2).
void cuserfault_yield(void) CUSERFAULT_REALTIME;

/// clock_nanosleep(2), less if a signal interrupts it. At most a second.
void cuserfault_sleep(uint32_t nanoseconds) CUSERFAULT_REALTIME;

/// futex(2) FUTEX_WAIT_PRIVATE: sleeps while `*word == expected`, for at most `nanoseconds` (less
/// than zero: for ever). Returns 0 or a negated errno.
int cuserfault_futex_wait(void *_Nonnull word, uint32_t expected, int64_t nanoseconds)
    CUSERFAULT_REALTIME;

/// futex(2) FUTEX_WAKE_PRIVATE: wakes every thread that sleeps on `word`.
void cuserfault_futex_wake(void *_Nonnull word) CUSERFAULT_REALTIME;

#endif

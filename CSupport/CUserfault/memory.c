#define _GNU_SOURCE
#include "cuserfault_memory.h"

#include "no_cancellation.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

void cuserfault_copy_past_cache(
    void *destination, const void *source, const void *next, size_t count) {
#ifdef __SSE2__
  __m128i *to = destination;
  const __m128i *from = source;
  for (size_t i = 0; i < count / sizeof(__m128i); i += 4) {
    _mm_prefetch((const char *)next + i * sizeof(__m128i), _MM_HINT_T0);
    __m128i a = _mm_load_si128(from + i);
    __m128i b = _mm_load_si128(from + i + 1);
    __m128i c = _mm_load_si128(from + i + 2);
    __m128i d = _mm_load_si128(from + i + 3);
    _mm_stream_si128(to + i, a);
    _mm_stream_si128(to + i + 1, b);
    _mm_stream_si128(to + i + 2, c);
    _mm_stream_si128(to + i + 3, d);
  }
#else
  for (size_t i = 0; i < count; i += 64) __builtin_prefetch((const char *)next + i);
  memcpy(destination, source, count);
#endif
}

void cuserfault_finish_copies(void) {
#ifdef __SSE2__
  // Stores past the cache are not ordered by the releasing store that publishes the copy.
  _mm_sfence();
#endif
}

int cuserfault_lock_on_fault(uint64_t start, uint64_t length) {
  // MLOCK_ONFAULT, Linux 4.4.
  return syscall(SYS_mlock2, start, length, 1) < 0 ? -errno : 0;
}

uint64_t cuserfault_nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int64_t cuserfault_copy_if_readable(uint64_t destination, uint64_t source, size_t count) {
  struct iovec to = {.iov_base = (void *)(uintptr_t)destination, .iov_len = count};
  struct iovec from = {.iov_base = (void *)(uintptr_t)source, .iov_len = count};
  // By the thread: the process's number is that of its first thread, which may have ended.
  ssize_t copied = process_vm_readv((pid_t)syscall(SYS_gettid), &to, 1, &from, 1, 0);
  return copied < 0 ? -errno : copied;
}

int cuserfault_populate_read(uint64_t start, uint64_t length) {
  const int populate_read = 22;  // MADV_POPULATE_READ, Linux 5.14
  return madvise((void *)(uintptr_t)start, length, populate_read) < 0 ? -errno : 0;
}

int cuserfault_populate_write(uint64_t start, uint64_t length) {
  const int populate_write = 23;  // MADV_POPULATE_WRITE, Linux 5.14
  return madvise((void *)(uintptr_t)start, length, populate_write) < 0 ? -errno : 0;
}

void cuserfault_yield(void) {
  sched_yield();
}

void cuserfault_sleep(uint32_t nanoseconds) {
  const struct timespec time = {0, nanoseconds < 1000000000u ? (long)nanoseconds : 999999999L};
  sleep_for(&time);
}

int cuserfault_futex_wait(void *word, uint32_t expected, int64_t nanoseconds) {
  struct timespec timeout = {nanoseconds / 1000000000, nanoseconds % 1000000000};
  long status = syscall(
      SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, nanoseconds < 0 ? NULL : &timeout, NULL, 0);
  return status < 0 ? -errno : 0;
}

void cuserfault_futex_wake(void *word) {
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

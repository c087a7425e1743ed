#ifndef CUSERFAULT_NO_CANCELLATION_H
#define CUSERFAULT_NO_CANCELLATION_H

// System calls without the C library's cancellation points, for what runs in faults, or with claims, locks or
// the gate held. During each such point the C library takes a thread for one that may be cancelled at any
// moment (PTHREAD_CANCEL_ASYNCHRONOUS), even if it may not be cancelled at all, and a signal of
// pthread_cancel(3) that was on its way ends it there.

#include <fcntl.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static inline int open_to_read(const char *path) {
  return (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
}

static inline ssize_t read_some(int file, void *buffer, size_t count) {
  return syscall(SYS_read, file, buffer, count);
}

static inline ssize_t read_some_at(int file, void *buffer, size_t count, int64_t offset) {
  return syscall(SYS_pread64, file, buffer, count, offset);
}

static inline void close_file(int file) { syscall(SYS_close, file); }

static inline void sleep_for(const struct timespec *time) {
  syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, time, NULL);
}

#endif

// Takes the place of the C library's functions that are cancellation points, in the program that this is
// linked into, and counts those that are called while the thread may not be cancelled. In each of them
// the C library lets a thread be cancelled all the same (glibc 2.36: at any moment).

#define _GNU_SOURCE
#include "cancellation_points.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static _Atomic int met;

int cancellation_points_met(void) { return met; }

static void look(void) {
  int state;
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
  if (state == PTHREAD_CANCEL_DISABLE) {
    met++;
  } else {
    pthread_setcancelstate(state, NULL);
  }
}

int open(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  look();
  return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

ssize_t read(int file, void *buffer, size_t count) {
  look();
  return syscall(SYS_read, file, buffer, count);
}

ssize_t pread(int file, void *buffer, size_t count, off_t offset) {
  look();
  return syscall(SYS_pread64, file, buffer, count, offset);
}

ssize_t write(int file, const void *buffer, size_t count) {
  look();
  return syscall(SYS_write, file, buffer, count);
}

int close(int file) {
  look();
  return (int)syscall(SYS_close, file);
}

int fallocate(int file, int mode, off_t offset, off_t count) {
  look();
  return (int)syscall(SYS_fallocate, file, mode, offset, count);
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *time, struct timespec *rest) {
  look();
  return -(int)syscall(SYS_clock_nanosleep, clock, flags, time, rest);
}

#define _GNU_SOURCE
#include "cuserfault_system.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

_Static_assert(sizeof(sigset_t) <= sizeof(struct cuserfault_signal_mask), "signal set");
_Static_assert(sizeof(pthread_t) <= sizeof(uint64_t), "thread handle");

int cuserfault_create_memory_file(const char *name, uint64_t byte_count) {
  int descriptor = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (descriptor < 0) return -errno;
  if (ftruncate(descriptor, (off_t)byte_count) < 0
      || fcntl(descriptor, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
    int error = errno;
    close(descriptor);
    return -error;
  }
  return descriptor;
}

int cuserfault_file_identity(int descriptor, uint64_t *device, uint64_t *inode) {
  struct stat status;
  if (fstat(descriptor, &status) < 0) return -errno;
  *device = status.st_dev;
  *inode = status.st_ino;
  return 0;
}

struct start {
  void (*body)(void *);
  void *argument;
};

static void *run(void *argument) {
  struct start start = *(struct start *)argument;
  free(argument);
  start.body(start.argument);
  return NULL;
}

int cuserfault_start_thread(
    uint64_t *thread, const char *name, size_t stack_bytes, void (*body)(void *), void *argument) {
  struct start *start = malloc(sizeof *start);
  if (start == NULL) return -ENOMEM;
  *start = (struct start){body, argument};
  pthread_attr_t attributes;
  int error = pthread_attr_init(&attributes);
  if (error != 0) {
    free(start);
    return -error;
  }
  pthread_attr_setstacksize(&attributes, stack_bytes);
  // The new thread inherits the mask: blocking around the creation leaves no moment in which a
  // signal could be delivered to it.
  sigset_t all, saved;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &saved);
  pthread_t handle;
  error = pthread_create(&handle, &attributes, run, start);
  pthread_sigmask(SIG_SETMASK, &saved, NULL);
  pthread_attr_destroy(&attributes);
  if (error != 0) {
    free(start);
    return -error;
  }
  pthread_setname_np(handle, name);
  *thread = (uint64_t)handle;
  return 0;
}

void cuserfault_join_thread(uint64_t thread) {
  pthread_join((pthread_t)thread, NULL);
}

void cuserfault_block_signals(struct cuserfault_signal_mask *saved) {
  sigset_t blocked;
  sigfillset(&blocked);
  const int own_faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGSYS};
  for (size_t i = 0; i < sizeof own_faults / sizeof *own_faults; i++)
    sigdelset(&blocked, own_faults[i]);
  pthread_sigmask(SIG_BLOCK, &blocked, (sigset_t *)saved);
}

void cuserfault_restore_signals(const struct cuserfault_signal_mask *saved) {
  pthread_sigmask(SIG_SETMASK, (const sigset_t *)saved, NULL);
}

static int result(int status) {
  return status < 0 ? -errno : status;
}

int cuserfault_create_epoll(void) {
  return result(epoll_create1(EPOLL_CLOEXEC));
}

int cuserfault_create_event(void) {
  return result(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

void cuserfault_signal_event(int descriptor) {
  const uint64_t one = 1;
  ssize_t ignored = write(descriptor, &one, sizeof one);
  (void)ignored;
}

int cuserfault_epoll_add(int epoll, int descriptor, uint64_t tag) {
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = tag};
  return result(epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event));
}

int cuserfault_epoll_holds(int epoll, int descriptor, uint64_t tag) {
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = tag};
  return result(epoll_ctl(epoll, EPOLL_CTL_MOD, descriptor, &event));
}

int cuserfault_epoll_remove(int epoll, int descriptor) {
  return result(epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, NULL));
}

int cuserfault_punch_hole(int descriptor, uint64_t start, uint64_t length) {
  return result(fallocate(
      descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)start, (off_t)length));
}

int64_t cuserfault_next_data(int descriptor, uint64_t start) {
  off_t position = lseek(descriptor, (off_t)start, SEEK_DATA);
  return position < 0 ? -errno : position;
}

int cuserfault_epoll_wait(int epoll, uint64_t *tags, int capacity, bool blocks) {
  struct epoll_event events[64];
  int count = epoll_wait(epoll, events, capacity < 64 ? capacity : 64, blocks ? -1 : 0);
  if (count < 0) return errno == EINTR ? 0 : -errno;
  for (int i = 0; i < count; i++) tags[i] = events[i].data.u64;
  return count;
}

void cuserfault_drain_event(int descriptor) {
  uint64_t count;
  ssize_t ignored = read(descriptor, &count, sizeof count);
  (void)ignored;
}

int64_t cuserfault_write_without_sigpipe(int descriptor, const void *bytes, size_t count) {
  // A write to a pipe without a reader sends SIGPIPE to the writing thread, also when it has written
  // a part before the reader went. Block it there, and take the one that this write made, unless
  // one was pending before.
  sigset_t pipe_signal, saved, pending;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  sigpending(&pending);
  bool was_pending = sigismember(&pending, SIGPIPE) == 1;
  pthread_sigmask(SIG_BLOCK, &pipe_signal, &saved);
  ssize_t written = write(descriptor, bytes, count);
  int error = errno;
  if (!was_pending && (written < 0 ? error == EPIPE : (size_t)written < count)) {
    const struct timespec now = {0, 0};
    while (sigtimedwait(&pipe_signal, NULL, &now) < 0 && errno == EINTR) {
    }
  }
  pthread_sigmask(SIG_SETMASK, &saved, NULL);
  return written < 0 ? -error : written;
}

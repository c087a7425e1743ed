#define _GNU_SOURCE
#include "cuserfault_system.h"

#include "cancelling.h"
#include "cuserfault_fork.h"
#include "signal_set.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

_Static_assert(sizeof(sigset_t) <= sizeof(struct cuserfault_signal_mask), "signal set");
_Static_assert(sizeof(pthread_t) <= sizeof(uint64_t), "thread handle");

/// Large enough for every kernel's set of processors (sched_getaffinity(2) fails for a smaller one).
struct processors {
  unsigned long words[8192 / (8 * sizeof(unsigned long))];
};

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
  int niceness;
  struct processors processors;
};

static void add_thread(struct start *start, pid_t thread) {
  struct processors processors = {{0}};
  if (sched_getaffinity(thread, sizeof processors, (cpu_set_t *)&processors) == 0) {
    for (size_t i = 0; i < sizeof processors.words / sizeof *processors.words; i++)
      start->processors.words[i] |= processors.words[i];
  }
  errno = 0;
  int niceness = getpriority(PRIO_PROCESS, (id_t)thread);
  if (errno == 0 && niceness < start->niceness) start->niceness = niceness < 0 ? 0 : niceness;
}

/// What the threads of the process may use. One pinned thread does not confine the others, but
/// whoever started the process may have confined them all (taskset(1), nice(1)).
static void find_attributes(struct start *start) {
  start->niceness = 19;
  add_thread(start, 0);
  add_thread(start, getpid());
  DIR *threads = opendir("/proc/self/task");
  if (threads == NULL) return;
  for (struct dirent *entry; (entry = readdir(threads)) != NULL;) {
    pid_t thread = (pid_t)atoi(entry->d_name);
    if (thread > 0) add_thread(start, thread);
  }
  closedir(threads);
}

static void *run(void *argument) {
  struct start start = *(struct start *)argument;
  free(argument);
  const struct sched_param none = {.sched_priority = 0};
  sched_setscheduler(0, SCHED_OTHER, &none);
  setpriority(PRIO_PROCESS, 0, start.niceness);
  sched_setaffinity(0, sizeof start.processors, (cpu_set_t *)&start.processors);
  cuserfault_begin_work();
  start.body(start.argument);
  cuserfault_end_work();
  return NULL;
}

int cuserfault_start_thread(
    uint64_t *thread, const char *name, size_t stack_bytes, void (*body)(void *), void *argument) {
  cuserfault_prepare_for_forks();
  struct start *start = malloc(sizeof *start);
  if (start == NULL) return -ENOMEM;
  *start = (struct start){.body = body, .argument = argument};
  find_attributes(start);
  pthread_attr_t attributes;
  int error = pthread_attr_init(&attributes);
  if (error != 0) {
    free(start);
    return -error;
  }
  pthread_attr_setstacksize(&attributes, stack_bytes);
  // The new thread inherits the mask: blocking around the creation leaves no moment in which a
  // signal could be delivered to it. Where the application has blocked SIGPROF, it may wait for it
  // in a thread of its choice.
  sigset_t blocked, saved;
  sigfillset(&blocked);
  pthread_sigmask(SIG_BLOCK, NULL, &saved);
  if (sigismember(&saved, SIGPROF) != 1) sigdelset(&blocked, SIGPROF);
  pthread_sigmask(SIG_SETMASK, &blocked, NULL);
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
  fill_with_put_off_signals(&blocked);
  // Nor does a thread that is cancelled leave locks held.
  struct cancelling cancelling;
  stop_cancelling(&cancelling);
  saved->cancel_state = cancelling.state;
  saved->cancel_type = cancelling.type;
  pthread_sigmask(SIG_BLOCK, &blocked, (sigset_t *)saved->words);
}

void cuserfault_restore_signals(const struct cuserfault_signal_mask *saved) {
  // In this order: a handler of the application's may leave the second by siglongjmp(3).
  const struct cancelling cancelling = {saved->cancel_state, saved->cancel_type};
  resume_cancelling(&cancelling);
  pthread_sigmask(SIG_SETMASK, (const sigset_t *)saved->words, NULL);
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

int cuserfault_signal_event(int descriptor) {
  const uint64_t one = 1;
  return syscall(SYS_write, descriptor, &one, sizeof one) < 0 ? -errno : 0;
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
  return result((int)syscall(
      SYS_fallocate, descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, start, length));
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

int cuserfault_drain_event(int descriptor) {
  uint64_t count;
  return syscall(SYS_read, descriptor, &count, sizeof count) < 0 ? -errno : 0;
}

// Some errors of files come with a signal to the calling thread: SIGPIPE with EPIPE, also for a write
// that was taken in part before the reader went; SIGXFSZ with EFBIG, beyond RLIMIT_FSIZE. It is blocked
// around the call, and the one that the call has made is taken, unless one was pending before.

struct quiet {
  sigset_t signal, saved;
  bool was_pending;
};

static void begin_quiet(struct quiet *quiet, int signal) {
  sigset_t pending;
  sigemptyset(&quiet->signal);
  sigaddset(&quiet->signal, signal);
  sigpending(&pending);
  quiet->was_pending = sigismember(&pending, signal) == 1;
  pthread_sigmask(SIG_BLOCK, &quiet->signal, &quiet->saved);
}

static void end_quiet(const struct quiet *quiet, bool may_be_pending) {
  if (!quiet->was_pending && may_be_pending) {
    const struct timespec now = {0, 0};
    while (sigtimedwait(&quiet->signal, NULL, &now) < 0 && errno == EINTR) {
    }
  }
  pthread_sigmask(SIG_SETMASK, &quiet->saved, NULL);
}

static bool is_file_size_limited(void) {
  struct rlimit limit;
  return getrlimit(RLIMIT_FSIZE, &limit) < 0 || limit.rlim_cur != RLIM_INFINITY;
}

int64_t cuserfault_write_quietly(int descriptor, const void *bytes, size_t count) {
  struct quiet no_reader, too_large;
  bool is_limited = is_file_size_limited();
  begin_quiet(&no_reader, SIGPIPE);
  if (is_limited) begin_quiet(&too_large, SIGXFSZ);
  ssize_t written = write(descriptor, bytes, count);
  int error = errno;
  if (is_limited) end_quiet(&too_large, written < 0 && error == EFBIG);
  end_quiet(&no_reader, written < 0 ? error == EPIPE : (size_t)written < count);
  return written < 0 ? -error : written;
}

int64_t cuserfault_pwrite_quietly(
    int descriptor, const void *bytes, size_t count, uint64_t offset) {
  struct quiet too_large;
  bool is_limited = is_file_size_limited();
  if (is_limited) begin_quiet(&too_large, SIGXFSZ);
  ssize_t written = pwrite(descriptor, bytes, count, (off_t)offset);
  int error = errno;
  if (is_limited) end_quiet(&too_large, written < 0 && error == EFBIG);
  return written < 0 ? -error : written;
}

int cuserfault_extend_quietly(int descriptor, uint64_t length) {
  struct quiet too_large;
  begin_quiet(&too_large, SIGXFSZ);
  int error = ftruncate(descriptor, (off_t)length) < 0 ? errno : 0;
  end_quiet(&too_large, error == EFBIG);
  return -error;
}

int cuserfault_create_memory_file(const char *name, uint64_t byte_count) {
  int descriptor = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (descriptor < 0) return -errno;
  int status = cuserfault_extend_quietly(descriptor, byte_count);
  if (status == 0) {
    status = result(fcntl(descriptor, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL));
  }
  if (status == 0) return descriptor;
  close(descriptor);
  return status;
}

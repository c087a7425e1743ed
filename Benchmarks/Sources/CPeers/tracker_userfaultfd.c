#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tracker.h"

// Linux 5.19.
#ifndef UFFD_FEATURE_WP_HUGETLBFS_SHMEM
#define UFFD_FEATURE_WP_HUGETLBFS_SHMEM (1 << 12)
#endif

// Linux 6.1.
#ifndef USERFAULTFD_IOC_NEW
#define USERFAULTFD_IOC_NEW _IO(0xAA, 0x00)
#endif

static int open_userfaultfd(void) {
  int device = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);
  if (device >= 0) {
    int descriptor = ioctl(device, USERFAULTFD_IOC_NEW, O_CLOEXEC);
    close(device);
    if (descriptor >= 0) return descriptor;
  }
  return (int)syscall(SYS_userfaultfd, O_CLOEXEC);
}

static int write_protect(const cpeers_tracker *tracker, const char *start, size_t length,
                         uint64_t mode) {
  struct uffdio_writeprotect request = {
      .range = {.start = (uintptr_t)start, .len = length},
      .mode = mode,
  };
  int result;
  // EAGAIN: the address space is changing underneath; the whole request has to be made again.
  do {
    result = ioctl(tracker->descriptor, UFFDIO_WRITEPROTECT, &request);
  } while (result != 0 && errno == EAGAIN);
  return result;
}

static void resolve(cpeers_tracker *tracker, size_t page) {
  char *address = tracker->base + page * tracker->page_size;
  if (cpeers_preserve(tracker, page)) {
    if (write_protect(tracker, address, tracker->page_size, 0) != 0) {
      atomic_store_explicit(&tracker->failure, errno, memory_order_relaxed);
    }
  } else if (tracker->mechanism == CPEERS_MECHANISM_USERFAULTFD_THREAD) {
    // The second message about a page: it is unprotected already, but its thread may still sleep.
    struct uffdio_range range = {.start = (uintptr_t)address, .len = tracker->page_size};
    ioctl(tracker->descriptor, UFFDIO_WAKE, &range);
  }
}

static void *resolve_faults(void *argument) {
  cpeers_tracker *tracker = argument;
  struct uffd_msg messages[16];
  // Ends by cancellation, for which `read` is the only point in this loop.
  for (;;) {
    ssize_t length = read(tracker->descriptor, messages, sizeof messages);
    for (ssize_t i = 0; i < length / (ssize_t)sizeof messages[0]; i++) {
      size_t page;
      if (messages[i].event == UFFD_EVENT_PAGEFAULT &&
          cpeers_find_page(tracker, (void *)(uintptr_t)messages[i].arg.pagefault.address, &page)) {
        resolve(tracker, page);
      }
    }
  }
}

static void on_bus_error(int signal, siginfo_t *information, void *context) {
  (void)context;
  int saved_errno = errno;
  cpeers_tracker *tracker = cpeers_current_tracker;
  size_t page;
  if (cpeers_find_page(tracker, information->si_addr, &page)) {
    resolve(tracker, page);
  } else {
    cpeers_forward_signal(tracker, signal);
  }
  errno = saved_errno;
}

static int begin_resolving(cpeers_tracker *tracker) {
  if (tracker->mechanism == CPEERS_MECHANISM_USERFAULTFD_SIGBUS) {
    return cpeers_install_handler(tracker, SIGBUS, on_bus_error);
  }
  int error = pthread_create(&tracker->thread, NULL, resolve_faults, tracker);
  if (error == 0) return 0;
  errno = error;
  return -1;
}

int cpeers_userfaultfd_start(cpeers_tracker *tracker) {
  tracker->descriptor = open_userfaultfd();
  if (tracker->descriptor < 0) return -1;
  struct uffdio_api api = {
      .api = UFFD_API,
      .features = UFFD_FEATURE_PAGEFAULT_FLAG_WP | UFFD_FEATURE_WP_HUGETLBFS_SHMEM,
  };
  if (tracker->mechanism == CPEERS_MECHANISM_USERFAULTFD_SIGBUS) {
    api.features |= UFFD_FEATURE_SIGBUS;
  }
  struct uffdio_register registration = {
      .range = {.start = (uintptr_t)tracker->base, .len = tracker->byte_count},
      .mode = UFFDIO_REGISTER_MODE_WP,
  };
  if (ioctl(tracker->descriptor, UFFDIO_API, &api) == 0 &&
      ioctl(tracker->descriptor, UFFDIO_REGISTER, &registration) == 0 &&
      begin_resolving(tracker) == 0) {
    return 0;
  }
  int error = errno;
  close(tracker->descriptor);
  errno = error;
  return -1;
}

int cpeers_userfaultfd_set(cpeers_tracker *tracker, bool protect) {
  return write_protect(tracker, tracker->base, tracker->byte_count,
                       protect ? UFFDIO_WRITEPROTECT_MODE_WP : 0);
}

void cpeers_userfaultfd_stop(cpeers_tracker *tracker) {
  if (tracker->mechanism == CPEERS_MECHANISM_USERFAULTFD_THREAD) {
    pthread_cancel(tracker->thread);
    pthread_join(tracker->thread, NULL);
  } else {
    cpeers_remove_handler(tracker, SIGBUS);
  }
  close(tracker->descriptor);
}

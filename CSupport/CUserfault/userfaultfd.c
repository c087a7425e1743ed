#define _GNU_SOURCE
#include "cuserfault_descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static int result(long value) {
  return value < 0 ? -errno : (int)value;
}

int cuserfault_open_device(void) {
  int device = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);
  if (device < 0) return -errno;
  int descriptor = result(ioctl(device, USERFAULTFD_IOC_NEW, O_CLOEXEC | O_NONBLOCK));
  close(device);
  return descriptor;
}

int cuserfault_open_system_call(bool user_mode_only) {
  int flags = O_CLOEXEC | O_NONBLOCK | (user_mode_only ? UFFD_USER_MODE_ONLY : 0);
  return result(syscall(SYS_userfaultfd, flags));
}

int cuserfault_handshake(int descriptor, uint64_t features, uint64_t *granted) {
  struct uffdio_api api = {.api = UFFD_API, .features = features};
  int status = result(ioctl(descriptor, UFFDIO_API, &api));
  *granted = api.features;
  return status;
}

int cuserfault_register(
    int descriptor, uint64_t start, uint64_t length, uint64_t mode, uint64_t *ioctls) {
  struct uffdio_register registration = {.range = {.start = start, .len = length}, .mode = mode};
  int status = result(ioctl(descriptor, UFFDIO_REGISTER, &registration));
  *ioctls = registration.ioctls;
  return status;
}

int cuserfault_unregister(int descriptor, uint64_t start, uint64_t length) {
  struct uffdio_range range = {.start = start, .len = length};
  return result(ioctl(descriptor, UFFDIO_UNREGISTER, &range));
}

static int change_protection(int descriptor, uint64_t start, uint64_t length, uint64_t mode) {
  struct uffdio_writeprotect change = {.range = {.start = start, .len = length}, .mode = mode};
  return result(ioctl(descriptor, UFFDIO_WRITEPROTECT, &change));
}

int cuserfault_write_protect(int descriptor, uint64_t start, uint64_t length) {
  return change_protection(descriptor, start, length, UFFDIO_WRITEPROTECT_MODE_WP);
}

int cuserfault_write_unprotect(int descriptor, uint64_t start, uint64_t length) {
  return change_protection(descriptor, start, length, 0);
}

int cuserfault_wake(int descriptor, uint64_t start, uint64_t length) {
  struct uffdio_range range = {.start = start, .len = length};
  return result(ioctl(descriptor, UFFDIO_WAKE, &range));
}

int64_t cuserfault_copy(
    int descriptor, uint64_t destination, const void *source, uint64_t length) {
  struct uffdio_copy copy = {.dst = destination, .src = (uint64_t)(uintptr_t)source, .len = length};
  if (ioctl(descriptor, UFFDIO_COPY, &copy) == 0) return (int64_t)length;
  return copy.copy > 0 ? copy.copy : -errno;
}

int cuserfault_read_messages(
    int descriptor, struct cuserfault_message *messages, int count, bool never_waits) {
  struct iovec block = {.iov_base = messages, .iov_len = (size_t)count * sizeof *messages};
  ssize_t bytes = never_waits ? preadv2(descriptor, &block, 1, -1, RWF_NOWAIT)
                              : read(descriptor, block.iov_base, block.iov_len);
  return bytes < 0 ? -errno : (int)((size_t)bytes / sizeof *messages);
}

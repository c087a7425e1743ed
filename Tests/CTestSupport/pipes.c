#define _GNU_SOURCE
#include "hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>

long test_support_vmsplice_read(int pipe, void *destination, size_t count) {
  struct iovec to = {destination, count};
  ssize_t moved = vmsplice(pipe, &to, 1, 0);
  return moved < 0 ? -errno : moved;
}

long test_support_vmsplice_write(int pipe, void *source, size_t count, bool is_gift) {
  struct iovec from = {source, count};
  ssize_t moved = vmsplice(pipe, &from, 1, is_gift ? SPLICE_F_GIFT : 0);
  return moved < 0 ? -errno : moved;
}

long test_support_tee(int from, int to, size_t count) {
  ssize_t copied = tee(from, to, count, 0);
  return copied < 0 ? -errno : copied;
}

long test_support_splice(int from, int to, size_t count) {
  ssize_t moved = splice(from, NULL, to, NULL, count, SPLICE_F_MOVE);
  return moved < 0 ? -errno : moved;
}

long test_support_splice_file(int file, int64_t offset, int pipe, size_t count) {
  off64_t start = offset;
  ssize_t moved = splice(file, &start, pipe, NULL, count, 0);
  return moved < 0 ? -errno : moved;
}

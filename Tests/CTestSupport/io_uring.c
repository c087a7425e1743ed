#define _GNU_SOURCE
#include "hostile.h"

#include <errno.h>
#include <linux/io_uring.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

long test_support_io_uring_read(int descriptor, void *destination, size_t count) {
  struct io_uring_params parameters;
  memset(&parameters, 0, sizeof parameters);
  int ring = (int)syscall(SYS_io_uring_setup, 2, &parameters);
  if (ring < 0) return -errno;
  size_t submissions_size = parameters.sq_off.array + parameters.sq_entries * sizeof(unsigned);
  size_t completions_size =
      parameters.cq_off.cqes + parameters.cq_entries * sizeof(struct io_uring_cqe);
  unsigned char *submissions = mmap(
      NULL, submissions_size, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
  unsigned char *completions = mmap(
      NULL, completions_size, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_CQ_RING);
  struct io_uring_sqe *entries = mmap(
      NULL, parameters.sq_entries * sizeof *entries, PROT_READ | PROT_WRITE, MAP_SHARED, ring,
      IORING_OFF_SQES);
  long result = -ENOMEM;
  if (submissions != MAP_FAILED && completions != MAP_FAILED && (void *)entries != MAP_FAILED) {
    memset(entries, 0, sizeof *entries);
    entries->opcode = IORING_OP_READ;
    entries->fd = descriptor;
    entries->addr = (uint64_t)(uintptr_t)destination;
    entries->len = (unsigned)count;
    entries->off = (uint64_t)-1;
    *(unsigned *)(submissions + parameters.sq_off.array) = 0;
    atomic_store((_Atomic unsigned *)(submissions + parameters.sq_off.tail), 1);
    long entered =
        syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0);
    result = -errno;
    if (entered == 1
        && atomic_load((_Atomic unsigned *)(completions + parameters.cq_off.tail)) == 1)
      result = ((struct io_uring_cqe *)(completions + parameters.cq_off.cqes))->res;
    munmap(entries, parameters.sq_entries * sizeof *entries);
    munmap(completions, completions_size);
    munmap(submissions, submissions_size);
  }
  close(ring);
  return result;
}

#define _GNU_SOURCE
#include "hostile.h"

#include <errno.h>
#include <linux/io_uring.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

struct test_support_ring {
  int descriptor;
  bool is_pinned;
  struct io_uring_params parameters;
};

struct test_support_ring *test_support_ring_make(void *pinned, size_t count) {
  struct test_support_ring *ring = calloc(1, sizeof *ring);
  if (ring == NULL) return NULL;
  ring->is_pinned = pinned != NULL;
  ring->descriptor = (int)syscall(SYS_io_uring_setup, 2, &ring->parameters);
  struct iovec memory = {pinned, count};
  if (ring->descriptor >= 0
      && (!ring->is_pinned
          || syscall(
                 SYS_io_uring_register, ring->descriptor, IORING_REGISTER_BUFFERS, &memory, 1)
              == 0))
    return ring;
  int error = errno;
  test_support_ring_free(ring);
  errno = error;
  return NULL;
}

void test_support_ring_free(struct test_support_ring *ring) {
  if (ring->descriptor >= 0) close(ring->descriptor);
  free(ring);
}

static void *map(const struct test_support_ring *ring, size_t size, off_t place) {
  return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring->descriptor, place);
}

long test_support_ring_read(
    struct test_support_ring *ring, int descriptor, void *destination, size_t count) {
  const struct io_uring_params *parameters = &ring->parameters;
  size_t submissions_size = parameters->sq_off.array + parameters->sq_entries * sizeof(unsigned);
  size_t completions_size =
      parameters->cq_off.cqes + parameters->cq_entries * sizeof(struct io_uring_cqe);
  size_t entries_size = parameters->sq_entries * sizeof(struct io_uring_sqe);
  unsigned char *submissions = map(ring, submissions_size, IORING_OFF_SQ_RING);
  unsigned char *completions = map(ring, completions_size, IORING_OFF_CQ_RING);
  struct io_uring_sqe *entries = map(ring, entries_size, IORING_OFF_SQES);
  if (submissions == MAP_FAILED || completions == MAP_FAILED || (void *)entries == MAP_FAILED)
    return -ENOMEM;
  memset(entries, 0, sizeof *entries);
  entries->opcode = ring->is_pinned ? IORING_OP_READ_FIXED : IORING_OP_READ;
  entries->fd = descriptor;
  entries->addr = (uint64_t)(uintptr_t)destination;
  entries->len = (unsigned)count;
  entries->off = (uint64_t)-1;
  *(unsigned *)(submissions + parameters->sq_off.array) = 0;
  atomic_store((_Atomic unsigned *)(submissions + parameters->sq_off.tail), 1);
  long entered = syscall(
      SYS_io_uring_enter, ring->descriptor, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0);
  long result = -errno;
  if (entered == 1
      && atomic_load((_Atomic unsigned *)(completions + parameters->cq_off.tail)) == 1)
    result = ((struct io_uring_cqe *)(completions + parameters->cq_off.cqes))->res;
  munmap(entries, entries_size);
  munmap(completions, completions_size);
  munmap(submissions, submissions_size);
  return result;
}

#define _GNU_SOURCE
#include "cdemo_handler.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cuserfault_descriptor.h"
#include "cuserfault_memory.h"
#include "cuserfault_system.h"

struct cdemo_handler {
  int descriptor;
  int file;
  unsigned char *memory;
  size_t byte_count;
  size_t page_size;
  unsigned char *slots;
  size_t slot_count;
  uint64_t *times;
  // Faults answered since protection was installed. The thread's while it is busy.
  size_t faults;
  atomic_bool is_busy;
  // The next fault is the one that `cdemo_handler_stop` makes, the thread's last.
  atomic_bool is_stopping;
  uint64_t thread;
};

static void serve(void *argument) {
  struct cdemo_handler *handler = argument;
  struct cuserfault_message message;
  bool is_last = false;
  while (!is_last) {
    int count = cuserfault_read_messages(handler->descriptor, &message, 1, false);
    if (count != 1) continue;
    uint64_t start = cuserfault_nanoseconds();
    atomic_store(&handler->is_busy, true);
    is_last = atomic_load(&handler->is_stopping);
    size_t slot = handler->faults % handler->slot_count;
    uint64_t page = message.address & ~(uint64_t)(handler->page_size - 1);
    memcpy(
        handler->slots + slot * handler->page_size, (const void *)(uintptr_t)page,
        handler->page_size);
    while (cuserfault_write_unprotect(handler->descriptor, page, handler->page_size) == -EAGAIN)
      cuserfault_yield();
    handler->times[slot] = cuserfault_nanoseconds() - start;
    handler->faults += 1;
    atomic_store(&handler->is_busy, false);
  }
}

/// The writer goes on before the thread has noted the time of its fault.
static void wait_until_idle(struct cdemo_handler *handler) {
  while (atomic_load(&handler->is_busy)) cuserfault_yield();
}

static int open_descriptor(void) {
  int descriptor = cuserfault_open_device();
  if (descriptor < 0) descriptor = cuserfault_open_system_call(false);
  if (descriptor < 0) descriptor = cuserfault_open_system_call(true);
  if (descriptor < 0) return descriptor;
  // A read that blocks: the fewest system calls for each fault.
  fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) & ~O_NONBLOCK);
  uint64_t granted;
  uint64_t features = CUSERFAULT_FEATURE_PAGEFAULT_FLAG_WP | CUSERFAULT_FEATURE_WP_HUGETLBFS_SHMEM;
  int status = cuserfault_handshake(descriptor, features, &granted);
  if (status < 0) {
    close(descriptor);
    return status;
  }
  return descriptor;
}

static void *map(size_t byte_count, int flags, int file) {
  void *memory = mmap(NULL, byte_count, PROT_READ | PROT_WRITE, flags, file, 0);
  if (memory == MAP_FAILED) return NULL;
  // As the library does: not for a forked child, and pre-images in huge pages.
  madvise(memory, byte_count, MADV_DONTFORK);
  if (flags & MAP_ANONYMOUS) madvise(memory, byte_count, MADV_HUGEPAGE);
  memset(memory, 1, byte_count);
  return memory;
}

static void destroy(struct cdemo_handler *handler) {
  if (handler->descriptor >= 0) close(handler->descriptor);
  if (handler->memory != NULL) munmap(handler->memory, handler->byte_count);
  if (handler->slots != NULL) munmap(handler->slots, handler->slot_count * handler->page_size);
  if (handler->file >= 0) close(handler->file);
  free(handler->times);
  free(handler);
}

static int start(struct cdemo_handler *handler) {
  handler->descriptor = open_descriptor();
  if (handler->descriptor < 0) return handler->descriptor;
  handler->file = cuserfault_create_memory_file("demo", handler->byte_count);
  if (handler->file < 0) return handler->file;
  handler->memory = map(handler->byte_count, MAP_SHARED, handler->file);
  handler->slots =
      map(handler->slot_count * handler->page_size, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  handler->times = calloc(handler->slot_count, sizeof *handler->times);
  if (handler->memory == NULL || handler->slots == NULL || handler->times == NULL) return -ENOMEM;
  uint64_t ioctls;
  int status = cuserfault_register(
      handler->descriptor, (uintptr_t)handler->memory, handler->byte_count,
      CUSERFAULT_MODE_WRITE_PROTECT, &ioctls);
  if (status < 0) return status;
  return cuserfault_start_thread(&handler->thread, "plain-handler", 256 << 10, serve, handler);
}

int cdemo_handler_start(struct cdemo_handler **result, size_t byte_count, size_t slot_count) {
  struct cdemo_handler *handler = calloc(1, sizeof *handler);
  if (handler == NULL) return -ENOMEM;
  handler->descriptor = -1;
  handler->file = -1;
  handler->byte_count = byte_count;
  handler->slot_count = slot_count;
  handler->page_size = (size_t)sysconf(_SC_PAGESIZE);
  int status = start(handler);
  if (status < 0) {
    destroy(handler);
    return status;
  }
  *result = handler;
  return 0;
}

void *cdemo_handler_memory(struct cdemo_handler *handler) {
  return handler->memory;
}

int cdemo_handler_protect(struct cdemo_handler *handler) {
  wait_until_idle(handler);
  handler->faults = 0;
  return cuserfault_write_protect(
      handler->descriptor, (uintptr_t)handler->memory, handler->byte_count);
}

size_t cdemo_handler_read_times(
    struct cdemo_handler *handler, uint64_t *nanoseconds, size_t capacity) {
  wait_until_idle(handler);
  size_t count = handler->faults;
  if (count > handler->slot_count) count = handler->slot_count;
  if (count > capacity) count = capacity;
  memcpy(nanoseconds, handler->times, count * sizeof *nanoseconds);
  return count;
}

void cdemo_handler_stop(struct cdemo_handler *handler) {
  wait_until_idle(handler);
  atomic_store(&handler->is_stopping, true);
  if (cdemo_handler_protect(handler) == 0) *(volatile unsigned char *)handler->memory = 1;
  cuserfault_join_thread(handler->thread);
  destroy(handler);
}

uint64_t cdemo_time_writes(
    void *memory, size_t page_size, const uint32_t *pages, size_t count, uint64_t value) {
  uint64_t start = cuserfault_nanoseconds();
  for (size_t i = 0; i < count; i++)
    *(volatile uint64_t *)((unsigned char *)memory + pages[i] * page_size) = value;
  return cuserfault_nanoseconds() - start;
}

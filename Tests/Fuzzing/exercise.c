// Drives the C target under the sanitizers: every function once at least, the signal trampoline
// included. Exits with 0 if all is as documented; without userfaultfd, what needs it is left out.

#include "cuserfault_descriptor.h"
#include "cuserfault_forced_failure.h"
#include "cuserfault_memory.h"
#include "cuserfault_process.h"
#include "cuserfault_signal.h"
#include "cuserfault_system.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(condition)                                                        \
  do {                                                                          \
    if (!(condition)) {                                                         \
      fprintf(stderr, "%s:%d: %s (errno %d)\n", __FILE__, __LINE__, #condition, errno); \
      exit(1);                                                                  \
    }                                                                           \
  } while (0)

static int descriptor = -1;
static unsigned char *memory;
static size_t page;

static uint64_t resolve(void *context, uint64_t address) {
  (void)context;
  const uint64_t not_ours = 2;
  if (address < (uintptr_t)memory || address >= (uintptr_t)memory + 2 * page) return not_ours;
  CHECK(cuserfault_write_unprotect(descriptor, address & ~(uint64_t)(page - 1), page) == 0);
  return 0;
}

static void body(void *argument) { *(int *)argument = 42; }

static void check_memory(void) {
  unsigned char one[64], other[64];
  memset(other, 7, sizeof other);
  cuserfault_copy_bytes(one, other, sizeof one);
  CHECK(!cuserfault_is_zero(one, sizeof one));
  for (size_t count = 16; count <= sizeof one; count++) {
    for (size_t place = 0; place < count; place++) {
      cuserfault_zero_bytes(one, sizeof one);
      CHECK(cuserfault_is_zero(one, count));
      one[place] = 1;
      CHECK(!cuserfault_is_zero(one, count));
      cuserfault_touch(one + place);
      CHECK(one[place] == 1);
    }
  }
  static _Alignas(64) unsigned char from[256], to[256];
  memset(from, 9, sizeof from);
  cuserfault_copy_past_cache(to, from, from, 128);
  cuserfault_finish_copies();
  CHECK(to[127] == 9 && to[128] == 0);
  cuserfault_prefetch(from);
  CHECK(cuserfault_nanoseconds() > 0);
  cuserfault_yield();
  cuserfault_sleep(1000);
  uint32_t word = 1;
  CHECK(cuserfault_futex_wait(&word, 0, -1) == -EAGAIN);
  CHECK(cuserfault_futex_wait(&word, 1, 1500000000 / 1000000) == -ETIMEDOUT);
  cuserfault_futex_wake(&word);
}

static void check_process(void) {
  void *one = NULL, *other = NULL;
  CHECK(cuserfault_find_process_memory() == NULL);
  CHECK(cuserfault_make_process_memory(page, &one) == 0);
  CHECK(cuserfault_make_process_memory(page, &other) == 0 && one == other);
  CHECK(cuserfault_find_process_memory() == one);
  *(volatile unsigned char *)one = 1;
  pid_t child = -1;
  CHECK(cuserfault_fork(&child) == 0);
  if (child == 0) _exit(*(volatile unsigned char *)one);
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  CHECK(*(volatile unsigned char *)one == 1);
}

static void check_system(void) {
  int result = 0;
  uint64_t thread = 0;
  CHECK(cuserfault_start_thread(&thread, "exercise", 256 << 10, body, &result) == 0);
  cuserfault_join_thread(thread);
  CHECK(result == 42);
  CHECK(cuserfault_thread_number() != 0);
  CHECK(cuserfault_forced_failure_words() == cuserfault_forced_failure_words());
  struct cuserfault_signal_mask saved;
  cuserfault_block_signals(&saved);
  cuserfault_restore_signals(&saved);
  int epoll = cuserfault_create_epoll(), event = cuserfault_create_event();
  CHECK(epoll >= 0 && event >= 0);
  CHECK(cuserfault_epoll_add(epoll, event, UINT64_MAX) == 0);
  CHECK(cuserfault_epoll_add(epoll, event, 0) == -EEXIST);
  CHECK(cuserfault_epoll_holds(epoll, event, UINT64_MAX) == 0);
  uint64_t tags[64];
  CHECK(cuserfault_epoll_wait(epoll, tags, 64, false) == 0);
  CHECK(cuserfault_signal_event(event) == 0);
  CHECK(cuserfault_epoll_wait(epoll, tags, 1000, true) == 1 && tags[0] == UINT64_MAX);
  CHECK(cuserfault_drain_event(event) == 0);
  CHECK(cuserfault_drain_event(event) == -EAGAIN);
  CHECK(cuserfault_epoll_remove(epoll, event) == 0);
  CHECK(cuserfault_epoll_holds(epoll, event, 0) == -ENOENT);
  cuserfault_close(epoll);
  CHECK(cuserfault_epoll_wait(epoll, tags, 64, true) == -EBADF);
  close(event);
  int file = cuserfault_create_memory_file("exercise", 4 * page);
  CHECK(file >= 0);
  CHECK(ftruncate(file, 0) < 0 && errno == EPERM);
  CHECK(cuserfault_next_data(file, 0) < 0);
  CHECK(pwrite(file, "x", 1, (off_t)(2 * page)) == 1);
  CHECK(cuserfault_next_data(file, 0) == (int64_t)(2 * page));
  CHECK(cuserfault_punch_hole(file, 0, 4 * page) == 0);
  CHECK(cuserfault_next_data(file, 0) == -ENXIO);
  close(file);
  int ends[2];
  CHECK(pipe(ends) == 0);
  CHECK(cuserfault_write_quietly(ends[1], "xyz", 3) == 3);
  close(ends[0]);
  CHECK(cuserfault_write_quietly(ends[1], "xyz", 3) == -EPIPE);
  close(ends[1]);
}

static void check_userfaultfd(void) {
  descriptor = cuserfault_open_device();
  if (descriptor < 0) descriptor = cuserfault_open_system_call(false);
  if (descriptor < 0) descriptor = cuserfault_open_system_call(true);
  if (descriptor < 0) {
    puts("userfaultfd is not to be had here");
    return;
  }
  uint64_t granted = 0, ioctls = 0;
  CHECK(cuserfault_handshake(descriptor, UINT64_MAX, &granted) == -EINVAL);
  CHECK(cuserfault_handshake(descriptor, CUSERFAULT_FEATURE_SIGBUS, &granted) == 0);
  memory = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(memory != MAP_FAILED);
  memset(memory, 1, 2 * page);
  uint64_t start = (uintptr_t)memory;
  CHECK(
      cuserfault_register(descriptor, start, 2 * page, CUSERFAULT_MODE_WRITE_PROTECT, &ioctls) == 0);
  CHECK(cuserfault_register(descriptor, 1, UINT64_MAX, 0, &ioctls) < 0);
  CHECK(cuserfault_install_resolver(resolve, memory) == 0);
  CHECK(cuserfault_install_resolver(resolve, memory) == 0);
  CHECK(cuserfault_write_protect(descriptor, start, 2 * page) == 0);
  memory[0] = 2;
  memory[page] = 3;
  CHECK(memory[0] == 2 && memory[page] == 3);
  CHECK(cuserfault_wake(descriptor, start, page) == 0);
  CHECK(cuserfault_copy(descriptor, start, memory + page, page) == -EEXIST);
  struct cuserfault_message messages[4];
  CHECK(cuserfault_read_messages(descriptor, messages, 4, true) < 0);
  CHECK(cuserfault_unregister(descriptor, start, 2 * page) == 0);
  munmap(memory, 2 * page);
  close(descriptor);
}

int main(void) {
  page = (size_t)sysconf(_SC_PAGESIZE);
  check_memory();
  check_system();
  check_process();
  check_userfaultfd();
  puts("exercised");
  return 0;
}

#define _GNU_SOURCE
#include "cuserfault_process.h"

#include <errno.h>
#include <linux/kcmp.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

int cuserfault_compare_address_spaces(pid_t left, pid_t right, int *order) {
  long result = syscall(SYS_kcmp, left, right, KCMP_VM, 0UL, 0UL);
  if (result < 0) return -errno;
  *order = (int)result;
  return 0;
}

uint32_t cuserfault_thread_id(void) {
  return (uint32_t)syscall(SYS_gettid);
}

int cuserfault_compare_descriptors(uint32_t thread) {
  long result = syscall(SYS_kcmp, syscall(SYS_gettid), (pid_t)thread, KCMP_FILES, 0UL, 0UL);
  return result < 0 ? -errno : (int)result;
}

int cuserfault_fork(pid_t *child) {
  pid_t pid = fork();
  if (pid < 0) return -errno;
  *child = pid;
  return 0;
}

static void *_Atomic process_memory;

void *cuserfault_find_process_memory(void) {
  // Acquiring: whoever sees the address sees memory that is mapped and advised.
  return atomic_load_explicit(&process_memory, memory_order_acquire);
}

int cuserfault_make_process_memory(size_t byte_count, void **memory) {
  void *seen = cuserfault_find_process_memory();
  if (seen == NULL) {
    void *made = mmap(NULL, byte_count, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (made == MAP_FAILED) return -errno;
    if (madvise(made, byte_count, MADV_WIPEONFORK) < 0) {
      int error = errno;
      munmap(made, byte_count);
      return -error;
    }
    // Another thread may have been faster. No lock: one that is held while another thread forks stays
    // held in the child.
    if (atomic_compare_exchange_strong_explicit(
            &process_memory, &seen, made, memory_order_acq_rel, memory_order_acquire)) {
      seen = made;
    } else {
      munmap(made, byte_count);
    }
  }
  *memory = seen;
  return 0;
}

#define _GNU_SOURCE
#include "cuserfault_surroundings.h"

#include <errno.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/swap.h>

#ifndef PR_SET_MEMORY_MERGE  // Linux 6.4
#define PR_SET_MEMORY_MERGE 67
#endif
#ifndef MADV_PAGEOUT  // Linux 5.4
#define MADV_PAGEOUT 21
#endif

static int result(int status) {
  return status < 0 ? -errno : 0;
}

int cuserfault_merge_all_memory(bool merges) {
  return result(prctl(PR_SET_MEMORY_MERGE, (unsigned long)merges, 0UL, 0UL, 0UL));
}

int cuserfault_lock_all_memory(bool locks) {
  return result(locks ? mlockall(MCL_CURRENT | MCL_FUTURE) : munlockall());
}

int cuserfault_become_real_time(void) {
  struct sched_param parameter = {.sched_priority = sched_get_priority_min(SCHED_FIFO)};
  return result(sched_setscheduler(0, SCHED_FIFO, &parameter));
}

int cuserfault_swap_on(const char *path) {
  return result(swapon(path, 0));
}

int cuserfault_swap_off(const char *path) {
  return result(swapoff(path));
}

int cuserfault_page_out(void *start, size_t length) {
  return result(madvise(start, length, MADV_PAGEOUT));
}

#ifndef CUSERFAULT_SURROUNDINGS_H
#define CUSERFAULT_SURROUNDINGS_H

// What a process can have switched on around itself. Each function returns 0 or a negated errno.

#include <stdbool.h>
#include <stddef.h>

/// prctl(2) with PR_SET_MEMORY_MERGE (Linux 6.4): samepage merging of all private memory.
int cuserfault_merge_all_memory(bool merges);

/// mlockall(2) with MCL_CURRENT and MCL_FUTURE, or munlockall(2).
int cuserfault_lock_all_memory(bool locks);

/// sched_setscheduler(2): puts the calling thread under SCHED_FIFO, at the lowest priority of it.
int cuserfault_become_real_time(void);

/// swapon(2) and swapoff(2).
int cuserfault_swap_on(const char *_Nonnull path);
int cuserfault_swap_off(const char *_Nonnull path);

/// madvise(2) with MADV_PAGEOUT (Linux 5.4).
int cuserfault_page_out(void *_Nonnull start, size_t length);

#endif

#ifndef CUSERFAULT_PROCESS_H
#define CUSERFAULT_PROCESS_H

#include "cuserfault_attributes.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// Orders the address spaces of two processes: 0 if they share one, 1 if that of `left` sorts
/// before, 2 if after. The order is stable until the next boot and says nothing else.
///
/// The corresponding system call is `kcmp(left, right, KCMP_VM)`.
/// Returns 0 and sets `order`, or a negative errno.
int cuserfault_compare_address_spaces(pid_t left, pid_t right, int *_Nonnull order);

/// gettid(2).
uint32_t cuserfault_thread_id(void) CUSERFAULT_REALTIME;

/// Compares the file descriptors of the calling thread with those of another of this process: 0 if they
/// share one table, above 0 if not, a negative errno if the kernel does not tell.
///
/// The corresponding system call is `kcmp(gettid(), thread, KCMP_FILES)`.
int cuserfault_compare_descriptors(uint32_t thread);

/// Forks; `child` receives the child's pid in the parent and 0 in the child. For processes with one
/// thread: the child may call only what is safe in a signal handler otherwise.
///
/// The corresponding system call is `fork()`. Returns 0, or a negative errno.
int cuserfault_fork(pid_t *_Nonnull child);

/// The one piece of memory that the library has in each process, or NULL if it was not made yet.
void *_Nullable cuserfault_find_process_memory(void);

/// The same, mapped by the first call (mmap(2)): zeros until it is written to, never unmapped. In the
/// child of a fork it is at the same address and holds zeros again (madvise(2), MADV_WIPEONFORK),
/// whatever another thread was doing with it. Every call names the same size.
///
/// Thread-safe, without a lock. Returns 0, or a negative errno.
int cuserfault_make_process_memory(size_t byte_count, void *_Nullable *_Nonnull memory);

#endif

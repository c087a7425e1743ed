#ifndef CUSERFAULT_SYSTEM_H
#define CUSERFAULT_SYSTEM_H

// System calls whose C declarations are variadic, macros or behind _GNU_SOURCE, which keeps Swift
// from importing them. Each returns its value or a negated errno.

#include "cuserfault_attributes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// memfd_create(2) with MFD_CLOEXEC, sized and sealed against shrinking and growing. Returns the
/// descriptor.
int cuserfault_create_memory_file(const char *_Nonnull name, uint64_t byte_count);

/// fstat(2): the device and the inode of an open file. Returns 0 or a negated errno.
int cuserfault_file_identity(
    int descriptor, uint64_t *_Nonnull device, uint64_t *_Nonnull inode) CUSERFAULT_REALTIME;

/// pthread_create(3) of a named thread with `stack_bytes` of stack and attributes of its own, not those
/// of the thread that happens to call this:
///
/// - Every signal is blocked, but SIGPROF if the caller does not block it.
/// - The policy is SCHED_OTHER. The niceness is the least among the process's threads, but not below
///   0; the processors are those that any thread of the process may run on. What the kernel
///   refuses (less niceness takes privilege) stays as inherited. The thread sets all this itself,
///   first thing.
///
/// Returns 0 or a negated errno.
int cuserfault_start_thread(
    uint64_t *_Nonnull thread, const char *_Nonnull name, size_t stack_bytes,
    void (*_Nonnull body)(void *_Nonnull), void *_Nonnull argument);

/// pthread_join(3).
void cuserfault_join_thread(uint64_t thread);

/// Blocks every signal but those that report the thread's own faults (SIGSEGV, SIGBUS, SIGILL,
/// SIGFPE, SIGTRAP, SIGABRT, SIGSYS), and SIGPROF, by which crash reporters stop threads; stores what
/// was blocked before. The thread cannot be cancelled (pthread_cancel(3)) until they are restored.
struct cuserfault_signal_mask {
  uint64_t words[16];
  int cancel_state, cancel_type;
};
void cuserfault_block_signals(struct cuserfault_signal_mask *_Nonnull saved) CUSERFAULT_REALTIME;
void cuserfault_restore_signals(const struct cuserfault_signal_mask *_Nonnull saved)
    CUSERFAULT_REALTIME;

/// close(2), without being a point at which the thread may be cancelled.
void cuserfault_close(int descriptor) CUSERFAULT_REALTIME;

/// epoll_create1(2) with EPOLL_CLOEXEC. Returns the descriptor.
int cuserfault_create_epoll(void);

/// eventfd(2) with EFD_CLOEXEC and EFD_NONBLOCK. Returns the descriptor.
int cuserfault_create_event(void);

/// Adds one to an eventfd(2). Returns 0 or a negated errno.
int cuserfault_signal_event(int descriptor);

/// epoll_ctl(2): adds a descriptor whose readiness is reported with `tag`.
int cuserfault_epoll_add(int epoll, int descriptor, uint64_t tag);

/// 0 if `epoll` is an epoll(7) that holds `descriptor`, which is reported with `tag` afterwards: both
/// numbers stand for the files they were added as. By epoll_ctl(2) with EPOLL_CTL_MOD.
int cuserfault_epoll_holds(int epoll, int descriptor, uint64_t tag) CUSERFAULT_REALTIME;

/// epoll_ctl(2): removes a descriptor.
int cuserfault_epoll_remove(int epoll, int descriptor);

/// fallocate(2) with FALLOC_FL_PUNCH_HOLE and FALLOC_FL_KEEP_SIZE.
int cuserfault_punch_hole(int descriptor, uint64_t start, uint64_t length);

/// lseek(2) with SEEK_DATA: the first byte from `start` on that is not in a hole.
int64_t cuserfault_next_data(int descriptor, uint64_t start);

/// epoll_wait(2): stores the data of up to `capacity` (at most 64) ready descriptors. With `blocks`
/// it waits for ever, else not at all. Returns their number, 0 if a signal or a debugger
/// interrupted the wait.
int cuserfault_epoll_wait(int epoll, uint64_t *_Nonnull tags, int capacity, bool blocks)
    CUSERFAULT_REALTIME;

/// Reads an eventfd(2) down to zero. Returns 0 or a negated errno.
int cuserfault_drain_event(int descriptor) CUSERFAULT_REALTIME;

/// write(2): EPIPE and EFBIG come without SIGPIPE and SIGXFSZ.
int64_t cuserfault_write_quietly(int descriptor, const void *_Nonnull bytes, size_t count);

/// pwrite(2): EFBIG comes without SIGXFSZ.
int64_t cuserfault_pwrite_quietly(
    int descriptor, const void *_Nonnull bytes, size_t count, uint64_t offset);

/// ftruncate(2): EFBIG comes without SIGXFSZ. Returns 0 or a negated errno.
int cuserfault_extend_quietly(int descriptor, uint64_t length);

/// Reads a file of the kernel's from its start: open(2), read(2), close(2). Returns the number of
/// bytes, at most `capacity`.
int64_t cuserfault_read_file(const char *_Nonnull path, void *_Nonnull buffer, size_t capacity);

/// Bytes of swap space that are free, by sysinfo(2).
uint64_t cuserfault_free_swap(void);

#endif

#ifndef TEST_SUPPORT_HOSTILE_H
#define TEST_SUPPORT_HOSTILE_H

// Surroundings and accesses that a library must survive, whose C declarations Swift cannot import.
// Each returns 0 (or the value that its comment names) or a negated errno.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// seccomp(2): from now on, every way to open a userfaultfd descriptor fails with `error`, in every
/// thread.
int test_support_deny_userfaultfd(int error);

/// Hides /dev/userfaultfd: mount(2) of an empty file system over /dev in a namespace of its own.
int test_support_hide_devices(void);

/// Mounts a file system of `byte_count` bytes, in a namespace of its own. Stores its path in `path`
/// (64 bytes).
int test_support_mount_small_disk(char *_Nonnull path, size_t byte_count);

/// process_vm_writev(2) to this process. Returns the number of bytes.
long test_support_process_vm_write(
    void *_Nonnull destination, const void *_Nonnull source, size_t count);

/// vmsplice(2) from a pipe into memory. Returns the number of bytes.
long test_support_vmsplice_read(int pipe, void *_Nonnull destination, size_t count);

/// vmsplice(2) of memory into a pipe, which then refers to its pages: as a gift to the kernel, which
/// may move them, or not. Returns the number of bytes.
long test_support_vmsplice_write(int pipe, void *_Nonnull source, size_t count, bool is_gift);

/// tee(2): has another pipe refer to what one holds. Returns the number of bytes.
long test_support_tee(int from, int to, size_t count);

/// splice(2) from a pipe to a pipe or to a file. Returns the number of bytes.
long test_support_splice(int from, int to, size_t count);

/// splice(2) of part of a file into a pipe. Returns the number of bytes.
long test_support_splice_file(int file, int64_t offset, int pipe, size_t count);

/// ioctl(UFFDIO_API) with a version of the caller's.
int test_support_handshake(int descriptor, uint64_t version);

/// open(2) for reading with O_DIRECT, or without where the file system has none.
int test_support_open_direct(const char *_Nonnull path);

/// setrlimit(2): no further threads or processes of this user.
int test_support_forbid_threads(void);

/// A child process attaches to this thread by ptrace(2) and writes a word. Returns 0 if the write
/// succeeded.
int test_support_ptrace_write(uint64_t *_Nonnull destination, uint64_t value);

/// An io_uring for one read. With memory, that is registered: the kernel pins its pages now, as for a
/// device, and reads into them by that, not through the page table. NULL with errno on failure.
struct test_support_ring *_Nullable test_support_ring_make(void *_Nullable pinned, size_t count);

/// Reads `count` bytes into memory, which is the pinned one if there is any. Returns the number of
/// bytes.
long test_support_ring_read(
    struct test_support_ring *_Nonnull ring, int descriptor, void *_Nonnull destination,
    size_t count);

void test_support_ring_free(struct test_support_ring *_Nonnull ring);

/// vfork(2) of a child that exits with `status`; returns the status.
int test_support_vfork(int status);

/// Forks a child that closes all descriptors and exits; returns its status.
int test_support_fork_and_close_range(void);

/// close_range(2).
int test_support_close_range(unsigned first, unsigned last);

/// unshare(2) with CLONE_FILES: this thread's descriptors are its own from now on.
int test_support_unshare_descriptors(void);

/// Stops this process (SIGSTOP), for a child to continue it (SIGCONT) once it sees that.
int test_support_stop_and_continue(void);

/// Has SIGALRM arrive every `microseconds`, 0 to end that. Its handler writes its count to the first
/// word of each of `page_count` pages in turn.
int test_support_write_from_signals(
    void *_Nullable pages, size_t page_size, size_t page_count, long microseconds);

/// How many of these signals have arrived.
uint64_t test_support_signal_count(void);

/// prctl(2): whether all private memory of this process may be merged with equal pages (KSM).
int test_support_merge_everything(bool may_merge);

/// Writes a byte to each of `page_count` pages over and over, in a thread that may be cancelled at any
/// moment and is after some `stores`. Returns 0 or an errno.
int test_support_cancel_writer(
    void *_Nonnull pages, size_t page_size, size_t page_count, unsigned stores);

/// mremap(2) to somewhere else. Returns the new address.
void *_Nullable test_support_move(void *_Nonnull address, size_t count);

#endif

#ifndef CUSERFAULT_DESCRIPTOR_H
#define CUSERFAULT_DESCRIPTOR_H

// One function per system call or ioctl on a userfaultfd descriptor. Each returns 0 (or the value
// that its comment names) or a negated errno; none retries and none decides.
// Source: ioctl_userfaultfd(2), userfaultfd(2), Documentation/admin-guide/mm/userfaultfd.rst.

#include "cuserfault_attributes.h"
#include "cuserfault_uapi.h"

/// Opens a descriptor through /dev/userfaultfd (Linux 6.1). Returns the descriptor.
int cuserfault_open_device(void);

/// Opens a descriptor through userfaultfd(2). Returns the descriptor.
int cuserfault_open_system_call(bool user_mode_only);

/// `UFFDIO_API`: asks for `features`; works once per descriptor.
int cuserfault_handshake(int descriptor, uint64_t features, uint64_t *_Nonnull granted);

/// `UFFDIO_REGISTER`: reports the ioctls that the range supports.
int cuserfault_register(
    int descriptor, uint64_t start, uint64_t length, uint64_t mode, uint64_t *_Nonnull ioctls);

/// `UFFDIO_UNREGISTER`: lifts every protection in the range and wakes its waiters.
int cuserfault_unregister(int descriptor, uint64_t start, uint64_t length);

/// `UFFDIO_WRITEPROTECT` with `UFFDIO_WRITEPROTECT_MODE_WP`.
int cuserfault_write_protect(int descriptor, uint64_t start, uint64_t length) CUSERFAULT_REALTIME;

/// `UFFDIO_WRITEPROTECT` without a mode: un-protects and wakes the threads that wait there.
int cuserfault_write_unprotect(int descriptor, uint64_t start, uint64_t length)
    CUSERFAULT_REALTIME;

/// `UFFDIO_WAKE`.
int cuserfault_wake(int descriptor, uint64_t start, uint64_t length) CUSERFAULT_REALTIME;

/// `UFFDIO_COPY` of `length` bytes into missing pages; wakes the threads that wait there. Returns how
/// many bytes were copied before the first page that could not be; a negated errno if none were.
int64_t cuserfault_copy(
    int descriptor, uint64_t destination, const void *_Nonnull source, uint64_t length)
    CUSERFAULT_REALTIME;

/// Reads up to `count` messages. Returns their number. With `never_waits`, preadv2(2) with RWF_NOWAIT, which
/// does not wait for another file either if the number is its by now; userfaultfd offers that since Linux
/// 6.10, and says EOPNOTSUPP before.
int cuserfault_read_messages(
    int descriptor, struct cuserfault_message *_Nonnull messages, int count, bool never_waits)
    CUSERFAULT_REALTIME;

#endif

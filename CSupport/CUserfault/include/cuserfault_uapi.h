#ifndef CUSERFAULT_UAPI_H
#define CUSERFAULT_UAPI_H

// Constants of <linux/userfaultfd.h>, under names that Swift can import: the kernel spells them as
// macros with casts. Older headers lack the newer ones; each names the kernel that brought it.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/userfaultfd.h>

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1  // Linux 5.11
#endif
#ifndef USERFAULTFD_IOC_NEW
#define USERFAULTFD_IOC_NEW _IO(0xAA, 0x00)  // Linux 6.1
#endif
#ifndef UFFD_FEATURE_SIGBUS
#define UFFD_FEATURE_SIGBUS (1 << 7)  // Linux 4.14
#endif
#ifndef UFFD_FEATURE_WP_HUGETLBFS_SHMEM
#define UFFD_FEATURE_WP_HUGETLBFS_SHMEM (1 << 12)  // Linux 5.19
#endif
#ifndef UFFD_FEATURE_WP_UNPOPULATED
#define UFFD_FEATURE_WP_UNPOPULATED (1 << 13)  // Linux 6.4
#endif

static const uint64_t CUSERFAULT_FEATURE_PAGEFAULT_FLAG_WP = UFFD_FEATURE_PAGEFAULT_FLAG_WP;
static const uint64_t CUSERFAULT_FEATURE_SIGBUS = UFFD_FEATURE_SIGBUS;
static const uint64_t CUSERFAULT_FEATURE_WP_HUGETLBFS_SHMEM = UFFD_FEATURE_WP_HUGETLBFS_SHMEM;
static const uint64_t CUSERFAULT_FEATURE_WP_UNPOPULATED = UFFD_FEATURE_WP_UNPOPULATED;

static const uint64_t CUSERFAULT_MODE_MISSING = 1 << 0;        // UFFDIO_REGISTER_MODE_MISSING
static const uint64_t CUSERFAULT_MODE_WRITE_PROTECT = 1 << 1;  // UFFDIO_REGISTER_MODE_WP

static const uint64_t CUSERFAULT_IOCTL_WAKE = 1 << 0x02;           // 1 << _UFFDIO_WAKE
static const uint64_t CUSERFAULT_IOCTL_ZERO_PAGE = 1 << 0x04;      // 1 << _UFFDIO_ZEROPAGE
static const uint64_t CUSERFAULT_IOCTL_WRITE_PROTECT = 1 << 0x06;  // 1 << _UFFDIO_WRITEPROTECT

static const uint8_t CUSERFAULT_EVENT_PAGEFAULT = UFFD_EVENT_PAGEFAULT;
static const uint64_t CUSERFAULT_PAGEFAULT_WRITE_PROTECT = UFFD_PAGEFAULT_FLAG_WP;

/// `struct uffd_msg` of a page fault, without the union and the packing that keep Swift from
/// importing it.
struct cuserfault_message {
  uint8_t event;
  uint8_t reserved[7];
  uint64_t flags;
  uint64_t address;
  uint64_t thread;
};

_Static_assert(sizeof(struct uffd_msg) == 32, "struct uffd_msg");
_Static_assert(sizeof(struct cuserfault_message) == sizeof(struct uffd_msg), "message size");
_Static_assert(
    offsetof(struct cuserfault_message, event) == offsetof(struct uffd_msg, event), "event");
_Static_assert(
    offsetof(struct cuserfault_message, flags) == offsetof(struct uffd_msg, arg.pagefault.flags),
    "flags");
_Static_assert(
    offsetof(struct cuserfault_message, address)
        == offsetof(struct uffd_msg, arg.pagefault.address),
    "address");
_Static_assert(sizeof(struct uffdio_api) == 24, "struct uffdio_api");
_Static_assert(sizeof(struct uffdio_register) == 32, "struct uffdio_register");
_Static_assert(sizeof(struct uffdio_range) == 16, "struct uffdio_range");
_Static_assert(sizeof(struct uffdio_writeprotect) == 24, "struct uffdio_writeprotect");
_Static_assert(sizeof(struct uffdio_copy) == 40, "struct uffdio_copy");
_Static_assert(1 << 0 == UFFDIO_REGISTER_MODE_MISSING, "mode");
_Static_assert(1 << 1 == UFFDIO_REGISTER_MODE_WP, "mode");
_Static_assert(_UFFDIO_WAKE == 0x02, "ioctl numbers");
_Static_assert(_UFFDIO_ZEROPAGE == 0x04 && _UFFDIO_WRITEPROTECT == 0x06, "ioctl numbers");

#endif

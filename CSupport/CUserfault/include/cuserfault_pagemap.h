#ifndef CUSERFAULT_PAGEMAP_H
#define CUSERFAULT_PAGEMAP_H

#include "cuserfault_attributes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// What the PAGEMAP_SCAN ioctl (Linux 6.7) can say about a page; see
/// Documentation/admin-guide/mm/pagemap.rst.
#define CUSERFAULT_PAGE_IS_WRITTEN (1 << 1)
#define CUSERFAULT_PAGE_IS_PRESENT (1 << 3)
#define CUSERFAULT_PAGE_IS_SWAPPED (1 << 4)
#define CUSERFAULT_PAGE_IS_PFNZERO (1 << 5)
#define CUSERFAULT_PAGE_IS_HUGE (1 << 6)

/// A run of pages that have the same categories: the kernel's `struct page_region`.
struct cuserfault_page_region {
  uint64_t start;
  uint64_t end;
  uint64_t categories;
};

/// Asks which pages in `[start, end)` belong to any of `categories`, and stops early when
/// `capacity` regions are full or `maximum_pages` pages were found (0: no limit).
///
/// The corresponding system call is `ioctl(PAGEMAP_SCAN)` on a descriptor of /proc/PID/pagemap. It
/// only reads: the target's pages stay as they are, huge ones whole.
///
/// - `count`: receives the number of regions written.
/// - `walk_end`: receives the address at which the next scan goes on.
/// - Returns 0, or a negative errno (`-ENOTTY` before Linux 6.7).
int cuserfault_pagemap_scan(int pagemap, uint64_t start, uint64_t end, uint64_t categories,
                            uint64_t maximum_pages,
                            struct cuserfault_page_region *_Nonnull regions, size_t capacity,
                            size_t *_Nonnull count, uint64_t *_Nonnull walk_end);

/// The bit of a pagemap entry that says that the page is write-protected by userfaultfd (Linux 5.13):
/// set for pages that are present, swapped out, or protected before they were ever populated.
#define CUSERFAULT_PAGEMAP_WRITE_PROTECTED (1ull << 57)

/// Reads up to `count` entries of this process's pagemap, from the page with number `first_page` on.
/// Opens and closes the file: a descriptor that is kept could be closed, and be another file's.
/// Returns how many were read, or a negated errno.
int64_t cuserfault_read_pagemap(
    uint64_t first_page, uint64_t *_Nonnull entries, size_t count) CUSERFAULT_REALTIME;

/// The number of the first of `count` pages that is not write-protected as far as the pagemap says,
/// counted from 0; `count` if all are. Or a negated errno.
int64_t cuserfault_first_unprotected(uint64_t first_page, size_t count) CUSERFAULT_REALTIME;

/// mincore(2): true if no page of the range can be a hole of the mapped memory file, because each is
/// in memory.
bool cuserfault_is_resident(const void *_Nonnull start, size_t page_count, size_t page_size)
    CUSERFAULT_REALTIME;

/// Reads a byte for the page fault that it takes. `volatile`: a load that nobody uses would be dropped.
static inline void cuserfault_read_byte(const void *_Nonnull address) {
  (void)*(const volatile unsigned char *)address;
}

#endif

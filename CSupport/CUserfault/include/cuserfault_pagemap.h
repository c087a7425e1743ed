#ifndef CUSERFAULT_PAGEMAP_H
#define CUSERFAULT_PAGEMAP_H

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

/// Reads a byte for the page fault that it takes. `volatile`: a load that nobody uses would be dropped.
static inline void cuserfault_read_byte(const void *_Nonnull address) {
  (void)*(const volatile unsigned char *)address;
}

#endif

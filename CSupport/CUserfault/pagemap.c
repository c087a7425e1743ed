#include "cuserfault_pagemap.h"

#include <assert.h>
#include <errno.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

/// The kernel's `struct pm_scan_arg` (Linux 6.7), under a name of our own so that headers from
/// before and after can both be compiled against.
struct pagemap_scan_argument {
  uint64_t size;
  uint64_t flags;
  uint64_t start;
  uint64_t end;
  uint64_t walk_end;
  uint64_t vec;
  uint64_t vec_len;
  uint64_t max_pages;
  uint64_t category_inverted;
  uint64_t category_mask;
  uint64_t category_anyof_mask;
  uint64_t return_mask;
};

_Static_assert(sizeof(struct pagemap_scan_argument) == 96, "layout of struct pm_scan_arg");
_Static_assert(offsetof(struct pagemap_scan_argument, vec) == 40, "layout of struct pm_scan_arg");
_Static_assert(sizeof(struct cuserfault_page_region) == 24, "layout of struct page_region");

#ifndef PAGEMAP_SCAN  // Linux 6.7
#define PAGEMAP_SCAN _IOWR('f', 16, struct pagemap_scan_argument)
#else
_Static_assert(sizeof(struct pm_scan_arg) == sizeof(struct pagemap_scan_argument),
               "struct pm_scan_arg has grown");
_Static_assert(CUSERFAULT_PAGE_IS_PFNZERO == PAGE_IS_PFNZERO, "value of PAGE_IS_PFNZERO");
_Static_assert(CUSERFAULT_PAGE_IS_WRITTEN == PAGE_IS_WRITTEN, "value of PAGE_IS_WRITTEN");
_Static_assert(CUSERFAULT_PAGE_IS_HUGE == PAGE_IS_HUGE, "value of PAGE_IS_HUGE");
#endif

int cuserfault_pagemap_scan(int pagemap, uint64_t start, uint64_t end, uint64_t categories,
                            uint64_t maximum_pages, struct cuserfault_page_region *regions,
                            size_t capacity, size_t *count, uint64_t *walk_end) {
  struct pagemap_scan_argument argument = {
      .size = sizeof argument,
      .start = start,
      .end = end,
      .vec = (uint64_t)(uintptr_t)regions,
      .vec_len = capacity,
      .max_pages = maximum_pages,
      .category_anyof_mask = categories,
      .return_mask = categories,
  };
  long result = ioctl(pagemap, PAGEMAP_SCAN, &argument);
  if (result < 0) return -errno;
  *count = (size_t)result;
  *walk_end = argument.walk_end;
  return 0;
}

#define _GNU_SOURCE
#include "cuserfault_pagemap.h"

#include "no_cancellation.h"

#include <assert.h>
#include <errno.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

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

// By way of the thread: /proc/self is empty once the main thread has ended.
static int open_pagemap(void) {
  int file = open_to_read("/proc/thread-self/pagemap");
  return file < 0 ? -errno : file;
}

static int64_t read_entries(int file, uint64_t first_page, uint64_t *entries, size_t count) {
  size_t done = 0;
  while (done < count) {
    ssize_t bytes = read_some_at(file, entries + done, (count - done) * sizeof *entries,
                                 (int64_t)((first_page + done) * sizeof *entries));
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes < 0) return -errno;
    if (bytes == 0) break;
    done += (size_t)bytes / sizeof *entries;
  }
  return (int64_t)done;
}

int64_t cuserfault_read_pagemap(uint64_t first_page, uint64_t *entries, size_t count) {
  int file = open_pagemap();
  if (file < 0) return file;
  int64_t result = read_entries(file, first_page, entries, count);
  close_file(file);
  return result;
}

int64_t cuserfault_first_unprotected(uint64_t first_page, size_t count) {
  int file = open_pagemap();
  if (file < 0) return file;
  // Small: this runs on the stack of a signal handler.
  uint64_t entries[64];
  int64_t result = (int64_t)count;
  for (size_t start = 0; start < count && result == (int64_t)count; start += 64) {
    size_t part = count - start < 64 ? count - start : 64;
    int64_t got = read_entries(file, first_page + start, entries, part);
    if (got < (int64_t)part) {
      result = got < 0 ? got : -EIO;
      break;
    }
    for (size_t i = 0; i < part; i++) {
      if (entries[i] & CUSERFAULT_PAGEMAP_WRITE_PROTECTED) continue;
      result = (int64_t)(start + i);
      break;
    }
  }
  close_file(file);
  return result;
}

bool cuserfault_is_resident(const void *start, size_t page_count, size_t page_size) {
  unsigned char resident[64];
  for (size_t first = 0; first < page_count; first += sizeof resident) {
    size_t part = page_count - first < sizeof resident ? page_count - first : sizeof resident;
    if (mincore((char *)start + first * page_size, part * page_size, resident) != 0) return false;
    for (size_t i = 0; i < part; i++)
      if (!(resident[i] & 1)) return false;
  }
  return true;
}

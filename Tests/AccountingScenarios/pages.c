#define _GNU_SOURCE
#include "scenario.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MADV_PAGEOUT  // Linux 5.4
#define MADV_PAGEOUT 21
#endif
#ifndef MADV_GUARD_INSTALL  // Linux 6.13
#define MADV_GUARD_INSTALL 102
#endif
#ifndef UFFD_FEATURE_WP_UNPOPULATED  // Linux 6.4
#define UFFD_FEATURE_WP_UNPOPULATED (1 << 13)
#endif

struct pages {
  char *memory;
  size_t count;
};

static void dirty_pages(void *context) {
  struct pages *pages = context;
  dirty(pages->memory, pages->count, 1);
}

/// zero PAGES HUGE: memory that is read, never written, with huge zero pages if HUGE is not 0.
void scenario_zero(int argc, char **argv) {
  check(argc < 2, "arguments");
  size_t count = strtoul(argv[0], NULL, 10);
  int huge = atoi(argv[1]);
  size_t size = count * page_size;
  char *memory = allocate(size, huge ? page_size * page_size / 8 : 0);
  check(madvise(memory, size, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE) != 0, "madvise");
  touch(memory, count);
  report_range(memory, size);
}

static long number_in(const char *path) {
  FILE *file = fopen(path, "r");
  if (!file) return -1;
  long value = -1;
  if (fscanf(file, "%ld", &value) != 1) value = -1;
  fclose(file);
  return value;
}

/// Fills pages with equal content; returns when the kernel has merged them.
static void merge(char *memory, size_t count) {
  madvise(memory, count * page_size, MADV_NOHUGEPAGE);
  memset(memory, 0x5a, count * page_size);
  if (madvise(memory, count * page_size, MADV_MERGEABLE) != 0) skip("no samepage merging");
  // A page is merged in the second scan that finds it unchanged: the counter is the only sign.
  long first = number_in("/sys/kernel/mm/ksm/full_scans");
  for (long scans = first; scans >= 0 && scans < first + 4;) {
    scans = number_in("/sys/kernel/mm/ksm/full_scans");
    sched_yield();
  }
}

/// merged PAGES: equal pages, reported when the kernel has merged them. Whoever runs the scenario
/// switches merging on and off.
void scenario_merged(int argc, char **argv) {
  check(argc < 1, "arguments");
  size_t count = strtoul(argv[0], NULL, 10);
  char *memory = allocate(count * page_size, 0);
  merge(memory, count);
  report_range(memory, count * page_size);
}

/// mixed MERGED SHARED CHILDREN OWN: merged pages, then others, all shared with children; each child
/// writes to the first OWN of the others.
void scenario_mixed(int argc, char **argv) {
  check(argc < 4, "arguments");
  size_t merged = strtoul(argv[0], NULL, 10), shared = strtoul(argv[1], NULL, 10);
  char *memory = allocate((merged + shared) * page_size, 0);
  madvise(memory, (merged + shared) * page_size, MADV_NOHUGEPAGE);
  dirty(memory + merged * page_size, shared, 1);
  merge(memory, merged);
  report_range(memory, (merged + shared) * page_size);
  struct pages pages = {memory + merged * page_size, strtoul(argv[3], NULL, 10)};
  for (int index = 0; index < atoi(argv[2]); index++) start_child(dirty_pages, &pages);
}

/// swap PAGES: written, swapped out, and shared with a child; then the first process writes to half of
/// them, which brings it copies of its own.
void scenario_swap(int argc, char **argv) {
  check(argc < 1, "arguments");
  struct pages pages = {NULL, strtoul(argv[0], NULL, 10)};
  pages.memory = allocate(pages.count * page_size, 0);
  madvise(pages.memory, pages.count * page_size, MADV_NOHUGEPAGE);
  dirty(pages.memory, pages.count, 1);
  report_range(pages.memory, pages.count * page_size);
  // Before the fork: pages that two processes map are not paged out at the wish of one.
  check(madvise(pages.memory, pages.count * page_size, MADV_PAGEOUT) != 0, "madvise");
  start_child(NULL, NULL);
  stage();
  dirty(pages.memory, pages.count / 2, 1);
}

/// file PATH PAGES BEFORE AFTER: a private mapping of a file, read whole; the first BEFORE pages are
/// written, then a child writes to the next AFTER.
void scenario_file(int argc, char **argv) {
  check(argc < 4, "arguments");
  size_t count = strtoul(argv[1], NULL, 10), before = strtoul(argv[2], NULL, 10);
  int file = open(argv[0], O_RDONLY | O_CLOEXEC);
  check(file < 0, "open");
  char *memory = mmap(NULL, count * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
  check(memory == MAP_FAILED, "mmap");
  touch(memory, count);
  dirty(memory, before, 1);
  // The first write to a file's huge page unmaps the rest of it.
  touch(memory, count);
  report_range(memory, count * page_size);
  struct pages pages = {memory + before * page_size, strtoul(argv[3], NULL, 10)};
  start_child(dirty_pages, &pages);
}

/// readonly PAGES [FOLIO-BYTES]: written, then made read-only, as relocated data is; and shared with a child.
void scenario_readonly(int argc, char **argv) {
  check(argc < 1, "arguments");
  size_t count = strtoul(argv[0], NULL, 10);
  size_t folio = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
  char *memory = allocate(count * page_size, folio);
  madvise(memory, count * page_size, folio ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  dirty(memory, count, 1);
  check(mprotect(memory, count * page_size, PROT_READ) != 0, "mprotect");
  report_range(memory, count * page_size);
  start_child(NULL, NULL);
}

/// shared PAGES: a shared mapping that a child writes to.
void scenario_shared(int argc, char **argv) {
  check(argc < 1, "arguments");
  struct pages pages = {NULL, strtoul(argv[0], NULL, 10)};
  pages.memory = mmap(NULL, pages.count * page_size, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  check(pages.memory == MAP_FAILED, "mmap");
  dirty(pages.memory, pages.count, 1);
  report_range(pages.memory, pages.count * page_size);
  start_child(dirty_pages, &pages);
}

/// mappings COUNT: one page each, no two neighbours alike.
void scenario_mappings(int argc, char **argv) {
  check(argc < 1, "arguments");
  size_t count = strtoul(argv[0], NULL, 10);
  char *memory = allocate(count * page_size, 0);
  madvise(memory, count * page_size, MADV_NOHUGEPAGE);
  dirty(memory, count, 1);
  for (size_t index = 0; index < count; index += 2) {
    if (mprotect(memory + index * page_size, page_size, PROT_READ) != 0) {
      skip("vm.max_map_count is too small");
    }
  }
  report_range(memory, count * page_size);
}

/// reserved BYTES PAGES: much address space, written to at its very end only.
void scenario_reserved(int argc, char **argv) {
  check(argc < 2, "arguments");
  size_t size = strtoul(argv[0], NULL, 10), count = strtoul(argv[1], NULL, 10);
  char *memory = allocate(size, 0);
  madvise(memory, size, MADV_NOHUGEPAGE);
  dirty(memory + size - count * page_size, count, 1);
  report_range(memory, size);
}

/// hugetlb PAGES WRITTEN: small pages' worth of explicit huge pages, private, shared with a child that
/// writes to the first of them.
void scenario_hugetlb(int argc, char **argv) {
  check(argc < 2, "arguments");
  size_t size = strtoul(argv[0], NULL, 10) * page_size;
  char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
  if (memory == MAP_FAILED) skip("no explicit huge pages");
  dirty(memory, size / page_size, 1);
  report_range(memory, size);
  struct pages pages = {memory, strtoul(argv[1], NULL, 10)};
  start_child(dirty_pages, &pages);
}

/// memory-file PAGES SWAPPED: a file in memory, mapped shared, of which the first pages are swapped
/// out; then a child maps it, too.
void scenario_memory_file(int argc, char **argv) {
  check(argc < 2, "arguments");
  size_t count = strtoul(argv[0], NULL, 10), swapped = strtoul(argv[1], NULL, 10);
  int file = memfd_create("accounting", MFD_CLOEXEC);
  check(file < 0 || ftruncate(file, (off_t)(count * page_size)) != 0, "memfd_create");
  char *memory =
      mmap(NULL, count * page_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  check(memory == MAP_FAILED, "mmap");
  dirty(memory, count, 1);
  report_range(memory, count * page_size);
  if (swapped > 0) check(madvise(memory, swapped * page_size, MADV_PAGEOUT) != 0, "madvise");
  stage();
  struct pages pages = {memory + swapped * page_size, count - swapped};
  start_child(dirty_pages, &pages);
}

static int userfault(uint64_t features) {
  int descriptor = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
  if (descriptor < 0) skip("userfaultfd is not permitted");
  struct uffdio_api api = {.api = UFFD_API, .features = features};
  if (ioctl(descriptor, UFFDIO_API, &api) != 0) skip("userfaultfd lacks write-protection");
  return descriptor;
}

/// protected KIND PAGES PROTECTED: write-protected by userfaultfd. KIND is anonymous, shared,
/// unpopulated (the rest of the pages was never written) or guard (guard pages instead).
void scenario_protected(int argc, char **argv) {
  check(argc < 3, "arguments");
  const char *kind = argv[0];
  size_t count = strtoul(argv[1], NULL, 10), protected = strtoul(argv[2], NULL, 10);
  int shared = strcmp(kind, "shared") == 0;
  char *memory = mmap(NULL, count * page_size, PROT_READ | PROT_WRITE,
                      (shared ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS, -1, 0);
  check(memory == MAP_FAILED, "mmap");
  madvise(memory, count * page_size, MADV_NOHUGEPAGE);
  report_range(memory, count * page_size);
  if (strcmp(kind, "guard") == 0) {
    dirty(memory, count, 1);
    if (madvise(memory, protected * page_size, MADV_GUARD_INSTALL) != 0) skip("no guard pages");
    return;
  }
  int unpopulated = strcmp(kind, "unpopulated") == 0;
  int descriptor = userfault(unpopulated ? UFFD_FEATURE_WP_UNPOPULATED
                             : shared    ? UFFD_FEATURE_WP_HUGETLBFS_SHMEM
                                         : UFFD_FEATURE_PAGEFAULT_FLAG_WP);
  dirty(memory, unpopulated ? count / 2 : count, 1);
  struct uffdio_register registration = {
      .range = {.start = (uintptr_t)memory, .len = count * page_size},
      .mode = UFFDIO_REGISTER_MODE_WP,
  };
  check(ioctl(descriptor, UFFDIO_REGISTER, &registration) != 0, "UFFDIO_REGISTER");
  struct uffdio_writeprotect protection = {
      .range = {.start = (uintptr_t)memory, .len = protected * page_size},
      .mode = UFFDIO_WRITEPROTECT_MODE_WP,
  };
  check(ioctl(descriptor, UFFDIO_WRITEPROTECT, &protection) != 0, "UFFDIO_WRITEPROTECT");
}

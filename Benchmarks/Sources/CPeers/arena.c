#include "cpeers_arena.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

// Linux 5.14; missing from older C libraries' headers.
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

// The size of a huge page that one middle-level entry maps, on x86-64 and on arm64 with 4 kB pages.
// Elsewhere the alignment is merely of no use.
static const size_t huge_page_size = (size_t)2 << 20;

size_t cpeers_page_size(void) { return (size_t)sysconf(_SC_PAGESIZE); }

static void *map_file(int descriptor, size_t byte_count, int sharing) {
  return mmap(NULL, byte_count, PROT_READ | PROT_WRITE, sharing, descriptor, 0);
}

static void *map_shared(size_t byte_count) {
  int descriptor = memfd_create("cpeers arena", MFD_CLOEXEC);
  if (descriptor < 0) return MAP_FAILED;
  void *base = MAP_FAILED;
  if (ftruncate(descriptor, (off_t)byte_count) == 0) {
    base = map_file(descriptor, byte_count, MAP_SHARED);
  }
  int error = errno;
  close(descriptor);
  errno = error;
  return base;
}

void *cpeers_arena_map_image(size_t byte_count) {
  int descriptor = memfd_create("cpeers image", MFD_CLOEXEC);
  if (descriptor < 0) return NULL;
  void *image = MAP_FAILED;
  if (ftruncate(descriptor, (off_t)byte_count) == 0) {
    void *content = map_file(descriptor, byte_count, MAP_SHARED);
    if (content != MAP_FAILED) {
      cpeers_arena_fill(content, byte_count);
      munmap(content, byte_count);
      image = map_file(descriptor, byte_count, MAP_PRIVATE);
    }
  }
  int error = errno;
  close(descriptor);
  errno = error;
  return image == MAP_FAILED ? NULL : image;
}

// Maps more than is asked for and gives the unaligned ends back.
static void *map_anonymous(size_t byte_count, int advice) {
  size_t mapped = byte_count + huge_page_size;
  char *start =
      mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) return MAP_FAILED;
  size_t head = -(uintptr_t)start & (huge_page_size - 1);
  if (head > 0) munmap(start, head);
  munmap(start + head + byte_count, mapped - head - byte_count);
  madvise(start + head, byte_count, advice);
  return start + head;
}

void *cpeers_arena_map(cpeers_pages pages, size_t byte_count) {
  void *base = MAP_FAILED;
  switch (pages) {
    case CPEERS_PAGES_ANONYMOUS_SMALL:
      base = map_anonymous(byte_count, MADV_NOHUGEPAGE);
      break;
    case CPEERS_PAGES_ANONYMOUS_HUGE:
      base = map_anonymous(byte_count, MADV_HUGEPAGE);
      break;
    case CPEERS_PAGES_SHARED:
      base = map_shared(byte_count);
      break;
  }
  if (base == MAP_FAILED) return NULL;
  if (madvise(base, byte_count, MADV_POPULATE_WRITE) != 0) {
    int error = errno;
    munmap(base, byte_count);
    errno = error;
    return NULL;
  }
  return base;
}

void cpeers_arena_unmap(void *base, size_t byte_count) { munmap(base, byte_count); }

void cpeers_arena_fill(void *base, size_t byte_count) {
  uint64_t *words = base;
  size_t count = byte_count / sizeof(uint64_t);
  for (size_t i = 0; i < count; i++) words[i] = (i + 1) * 0x9E3779B97F4A7C15;
}

uint64_t cpeers_arena_read_pages(const void *base, const uint32_t *pages, size_t count) {
  size_t page_size = cpeers_page_size();
  uint64_t sum = 0;
  for (size_t i = 0; i < count; i++) {
    sum += *(const volatile uint64_t *)((const char *)base + pages[i] * page_size);
  }
  return sum;
}

const char *cpeers_compiler(void) { return "clang " __clang_version__; }

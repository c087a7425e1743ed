#define _GNU_SOURCE
#include "test_support.h"

#include <limits.h>
#include <malloc.h>
#include <sys/mman.h>

void test_support_keep_arenas(void) {
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
}

int test_support_create_memory_file(void) {
  return memfd_create("test", MFD_CLOEXEC);
}

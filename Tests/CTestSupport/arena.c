#include "test_support.h"

#include <limits.h>
#include <malloc.h>

void test_support_use_one_arena(size_t pad) {
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
  mallopt(M_TOP_PAD, (int)pad);
}

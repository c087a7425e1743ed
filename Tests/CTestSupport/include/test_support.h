#ifndef TEST_SUPPORT_H
#define TEST_SUPPORT_H

#include "hostile.h"

#include <stddef.h>

/// mallopt(3): one arena for the threads that come, on the heap of the process, which grows by
/// `pad` bytes at a time, never shrinks, and also holds large blocks.
void test_support_use_one_arena(size_t pad);

#endif

#ifndef TEST_SUPPORT_H
#define TEST_SUPPORT_H

#include "bus_signals.h"
#include "hostile.h"
#include "scheduling.h"

/// mallopt(3): arenas never shrink, and hold large blocks too.
void test_support_keep_arenas(void);

/// memfd_create(2). Returns the descriptor, or -1.
int test_support_create_memory_file(void);

/// Forks while another thread is at work (`cuserfault_begin_work`) most of the time. Returns how many of the
/// children were forked in the middle of that, or -1.
int test_support_children_forked_at_work(int forks);

#endif

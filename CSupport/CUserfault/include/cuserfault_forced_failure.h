#ifndef CUSERFAULT_FORCED_FAILURE_H
#define CUSERFAULT_FORCED_FAILURE_H

#include "cuserfault_attributes.h"

#include <stdint.h>

/// Zeros at first, at the same place for the process's whole life: what tests tell the library's
/// system calls. A Swift global would be initialised when first used, under a lock.
void *_Nonnull cuserfault_forced_failure_words(void) CUSERFAULT_REALTIME;
enum { CUSERFAULT_FORCED_FAILURE_WORDS = 8 };

/// A number that no other thread has meanwhile, never 0.
uint64_t cuserfault_thread_number(void) CUSERFAULT_REALTIME;

#endif

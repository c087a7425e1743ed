#include "cuserfault_forced_failure.h"

#include <pthread.h>

void *cuserfault_forced_failure_words(void) {
  static uint64_t words[CUSERFAULT_FORCED_FAILURE_WORDS];
  return words;
}

uint64_t cuserfault_thread_number(void) {
  return (uint64_t)pthread_self();
}

#include "cpeers_writers.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "cpeers_arena.h"

enum { most_writers = 64 };

typedef struct writer {
  char *base;
  const uint32_t *pages;
  size_t count;
  size_t page_size;
  cpeers_latencies *latencies;
  pthread_barrier_t *start;
  uint64_t started;
  uint64_t finished;
} writer;

// Spread over the lines of a page, so that the writes do not compete for one set of the cache.
static inline volatile uint64_t *word(char *base, size_t page_size, uint32_t page) {
  return (volatile uint64_t *)(base + page * page_size + (page * 64u & (page_size - 1)));
}

static void *write_pages(void *argument) {
  writer *w = argument;
  pthread_barrier_wait(w->start);
  w->started = cpeers_now();
  for (size_t i = 0; i < w->count; i++) {
    volatile uint64_t *target = word(w->base, w->page_size, w->pages[i]);
    uint64_t before = cpeers_now();
    *target = before;
    cpeers_latencies_record(w->latencies, cpeers_now() - before);
  }
  w->finished = cpeers_now();
  return NULL;
}

uint64_t cpeers_write_pages(void *base, const uint32_t *pages, size_t count, size_t writers,
                            cpeers_latencies *const *latencies) {
  if (writers == 0 || writers > most_writers) {
    errno = EINVAL;
    return 0;
  }
  pthread_barrier_t start;
  pthread_barrier_init(&start, NULL, (unsigned)writers);
  writer all[most_writers];
  pthread_t threads[most_writers];
  size_t share = count / writers;
  for (size_t i = 0; i < writers; i++) {
    all[i] = (writer){
        .base = base,
        .pages = pages + i * share,
        .count = i + 1 < writers ? share : count - i * share,
        .page_size = cpeers_page_size(),
        .latencies = latencies[i],
        .start = &start,
    };
  }
  // The calling thread is the first writer.
  for (size_t i = 1; i < writers; i++) {
    // Those that were made already wait at the barrier for the one that could not be.
    if (pthread_create(&threads[i], NULL, write_pages, &all[i]) != 0) abort();
  }
  write_pages(&all[0]);
  uint64_t started = all[0].started;
  uint64_t finished = all[0].finished;
  for (size_t i = 1; i < writers; i++) {
    pthread_join(threads[i], NULL);
    if (all[i].started < started) started = all[i].started;
    if (all[i].finished > finished) finished = all[i].finished;
  }
  pthread_barrier_destroy(&start);
  return finished - started;
}

void cpeers_touch_pages(void *base, const uint32_t *pages, size_t count) {
  size_t page_size = cpeers_page_size();
  for (size_t i = 0; i < count; i++) *word(base, page_size, pages[i]) += 1;
}

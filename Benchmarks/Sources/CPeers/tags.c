#include "cpeers_tags.h"

#include <stdint.h>
#include <string.h>

// A chunk: its size and whether it is in use in the word before it, the same word behind it if it is free
// (Knuth's boundary tags, as in dlmalloc and its successors). Sizes are multiples of 16 and count the word.
typedef struct chunk {
  size_t previous_size; // Of the chunk before, if that is free.
  size_t size_and_bits;
  struct chunk *next; // In the free list.
  struct chunk *previous;
} chunk;

enum { in_use = 1, previous_in_use = 2, bits = 3, small_bins = 64, bins = 128, smallest = 32 };

struct cpeers_tags {
  chunk heads[bins];
  uint64_t filled[2];
  chunk *top;
  char *end;
};

static size_t size_of(const chunk *c) { return c->size_and_bits & ~(size_t)bits; }
static chunk *after(chunk *c) { return (chunk *)((char *)c + size_of(c)); }

// Exact sizes to 1 KiB, then four bins for each doubling.
static int bin_of(size_t size) {
  if (size < small_bins * 16) return (int)(size / 16);
  int exponent = 63 - __builtin_clzl(size);
  int bin = small_bins + (exponent - 10) * 4 + (int)(size >> (exponent - 2) & 3);
  return bin < bins ? bin : bins - 1;
}

static void link_in(struct cpeers_tags *t, chunk *c) {
  int bin = bin_of(size_of(c));
  chunk *head = &t->heads[bin];
  c->next = head->next;
  c->previous = head;
  head->next->previous = c;
  head->next = c;
  t->filled[bin / 64] |= (uint64_t)1 << bin % 64;
}

static void unlink_from(struct cpeers_tags *t, chunk *c) {
  c->next->previous = c->previous;
  c->previous->next = c->next;
  int bin = bin_of(size_of(c));
  if (t->heads[bin].next == &t->heads[bin]) t->filled[bin / 64] &= ~((uint64_t)1 << bin % 64);
}

// Makes a chunk free, with its tags.
static void put(struct cpeers_tags *t, chunk *c, size_t size) {
  c->size_and_bits = size | (c->size_and_bits & previous_in_use);
  chunk *next = after(c);
  next->previous_size = size;
  next->size_and_bits &= ~(size_t)previous_in_use;
  link_in(t, c);
}

struct cpeers_tags *cpeers_tags_make(void *memory, size_t byte_count) {
  struct cpeers_tags *t = memory;
  for (int bin = 0; bin < bins; bin++) t->heads[bin].next = t->heads[bin].previous = &t->heads[bin];
  t->top = (chunk *)((char *)memory + ((sizeof *t + 15) & ~(size_t)15));
  t->top->size_and_bits = previous_in_use;
  t->end = (char *)memory + byte_count - sizeof(chunk);
  return t;
}

static chunk *find(struct cpeers_tags *t, size_t size) {
  for (int bin = bin_of(size); bin < bins; bin++) {
    uint64_t mask = t->filled[bin / 64] >> bin % 64;
    if (!mask) {
      bin |= 63;
      continue;
    }
    bin += __builtin_ctzl(mask);
    for (chunk *c = t->heads[bin].next; c != &t->heads[bin]; c = c->next)
      if (size_of(c) >= size) return c;
  }
  return NULL;
}

void *cpeers_tags_allocate(struct cpeers_tags *t, size_t byte_count) {
  size_t size = (byte_count + sizeof(size_t) + 15) & ~(size_t)15;
  if (size < smallest) size = smallest;
  chunk *c = find(t, size);
  if (c) {
    unlink_from(t, c);
    size_t rest = size_of(c) - size;
    if (rest >= smallest) {
      c->size_and_bits = size | in_use | (c->size_and_bits & previous_in_use);
      chunk *remainder = after(c);
      remainder->size_and_bits = previous_in_use;
      put(t, remainder, rest);
    } else {
      c->size_and_bits |= in_use;
      after(c)->size_and_bits |= previous_in_use;
    }
  } else {
    c = t->top;
    if (size > (size_t)(t->end - (char *)c)) return NULL;
    c->size_and_bits = size | in_use | (c->size_and_bits & previous_in_use);
    t->top = after(c);
    t->top->size_and_bits = previous_in_use;
  }
  return &c->next;
}

void cpeers_tags_free(struct cpeers_tags *t, void *block) {
  chunk *c = (chunk *)((char *)block - offsetof(chunk, next));
  size_t size = size_of(c);
  if (!(c->size_and_bits & previous_in_use)) {
    chunk *before = (chunk *)((char *)c - c->previous_size);
    unlink_from(t, before);
    size += size_of(before);
    c = before;
  }
  chunk *next = (chunk *)((char *)c + size);
  if (next == t->top) {
    c->size_and_bits = c->size_and_bits & previous_in_use;
    t->top = c;
    return;
  }
  if (!(next->size_and_bits & in_use)) {
    unlink_from(t, next);
    size += size_of(next);
  }
  put(t, c, size);
}

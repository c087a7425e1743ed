// An allocator of the usual kind, in memory that it is given: boundary tags around every block, and free lists
// through the free ones.
#ifndef CPEERS_TAGS_H
#define CPEERS_TAGS_H

#include <stddef.h>

struct cpeers_tags;

// Takes over zeroed memory.
struct cpeers_tags *_Nonnull cpeers_tags_make(void *_Nonnull memory, size_t byte_count);
// Null without memory.
void *_Nullable cpeers_tags_allocate(struct cpeers_tags *_Nonnull tags, size_t byte_count);
void cpeers_tags_free(struct cpeers_tags *_Nonnull tags, void *_Nonnull block);

#endif

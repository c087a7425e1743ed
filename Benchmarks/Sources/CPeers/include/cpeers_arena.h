// Memory that every peer works on: one kind of mapping, populated the same way for all.

#ifndef CPEERS_ARENA_H
#define CPEERS_ARENA_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#pragma clang assume_nonnull begin

typedef enum cpeers_pages {
  /// Private anonymous memory that the kernel may not merge into huge pages.
  CPEERS_PAGES_ANONYMOUS_SMALL,
  /// Private anonymous memory, aligned for and advised to use huge pages.
  CPEERS_PAGES_ANONYMOUS_HUGE,
  /// A memfd, mapped shared.
  CPEERS_PAGES_SHARED,
} cpeers_pages;

/// Maps and populates `byte_count` bytes (whole pages). Returns NULL with errno set on failure.
void *_Nullable cpeers_arena_map(cpeers_pages pages, size_t byte_count);

/// Maps a memfd of pages that differ from each other, privately and without populating the mapping:
/// what a view of a snapshot is to the kernel. Returns NULL with errno set on failure.
void *_Nullable cpeers_arena_map_image(size_t byte_count);

void cpeers_arena_unmap(void *base, size_t byte_count);

/// Gives every page a content of its own, so that no two pages are equal and none is zero.
void cpeers_arena_fill(void *base, size_t byte_count);

/// Reads one word of each listed page; returns their sum, so that the reads cannot be left out.
uint64_t cpeers_arena_read_pages(const void *base, const uint32_t *pages, size_t count);

size_t cpeers_page_size(void);

/// Pages that only the calling process maps, and its page tables, in bytes. Safe in a forked child.
size_t cpeers_private_bytes(void);

/// The proportional set size of a process plus its page tables, in bytes.
size_t cpeers_proportional_bytes(pid_t process);

/// Bytes that the system can give out without swapping.
size_t cpeers_available_bytes(void);

/// The compiler that built the C peers.
const char *cpeers_compiler(void);

#pragma clang assume_nonnull end

#endif

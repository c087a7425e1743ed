#ifndef CDEMO_HANDLER_H
#define CDEMO_HANDLER_H

// The least that can answer write faults: one thread that reads a message, copies the page and
// un-protects it. What the library's handler is measured against.

#include <stddef.h>
#include <stdint.h>

/// Shared memory that such a thread watches.
struct cdemo_handler;

/// Maps `byte_count` bytes of shared memory, populates it, and starts its handler thread, with room
/// for `slot_count` copies. Returns 0 or a negated errno.
int cdemo_handler_start(
    struct cdemo_handler *_Nullable *_Nonnull handler, size_t byte_count, size_t slot_count);

/// The watched memory.
void *_Nonnull cdemo_handler_memory(struct cdemo_handler *_Nonnull handler);

/// Write-protects all of the memory and forgets the copies. Returns 0 or a negated errno.
int cdemo_handler_protect(struct cdemo_handler *_Nonnull handler);

/// Stores how long the thread took for each fault since `cdemo_handler_protect`, in nanoseconds
/// from reading its message to waking the writer. Returns the number of faults.
size_t cdemo_handler_read_times(
    struct cdemo_handler *_Nonnull handler, uint64_t *_Nonnull nanoseconds, size_t capacity);

/// Ends the thread and frees everything.
void cdemo_handler_stop(struct cdemo_handler *_Nonnull handler);

/// Writes `value` to the first word of each of the given pages, one after the other. Returns how
/// many nanoseconds that took.
uint64_t cdemo_time_writes(
    void *_Nonnull memory, size_t page_size, const uint32_t *_Nonnull pages, size_t count,
    uint64_t value);

#endif

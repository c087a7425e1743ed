// Where threads run. How far a fault handler is from the writer that waits for it decides more than
// half of its latency, so the comparison fixes it where it can.

#ifndef CPEERS_PLACEMENT_H
#define CPEERS_PLACEMENT_H

/// Binds the calling thread, and the threads that it makes from now on, to the n-th processor of
/// those that the process may use. Returns 0, or -1 with errno set.
int cpeers_bind_thread(unsigned processor);

/// Lets the calling thread run on every processor that the process may use. Returns 0, or -1 with
/// errno set.
int cpeers_unbind_thread(void);

/// The number of processors that the process may use.
unsigned cpeers_processor_count(void);

#endif

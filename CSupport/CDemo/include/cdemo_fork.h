#ifndef CDEMO_FORK_H
#define CDEMO_FORK_H

// What the demo measures the library against, in the mechanism's own language. Each function
// returns 0 or a negated errno.

#include <stdint.h>

/// fork(2) of this process; the child ends at once. Stores how long the call took in the parent.
/// Swift does not import fork(2): a child of several threads must not run Swift code.
int cdemo_time_fork(uint64_t *_Nonnull nanoseconds);

#endif

#include <stdlib.h>

/// Switches the checks on that regions of a debug build make when they and their snapshots are let go
/// of: in every process of the tests, before its first region. No test has to ask for it.
__attribute__((constructor)) static void switch_audit_on(void) {
  setenv("MEMORY_SNAPSHOTS_AUDIT", "1", 0);
}

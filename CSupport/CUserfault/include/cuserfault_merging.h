#ifndef CUSERFAULT_MERGING_H
#define CUSERFAULT_MERGING_H

// Samepage merging (KSM) of this process's memory; see Documentation/admin-guide/mm/ksm.rst.

#include "cuserfault_attributes.h"

#include <stdbool.h>

/// Whether all private memory of the process may be merged: prctl(2) with PR_GET_MEMORY_MERGE (Linux
/// 6.4; false before).
bool cuserfault_merges_everything(void) CUSERFAULT_REALTIME;

/// Whether some memory of the process may be merged, or is: by /proc/self/ksm_stat (Linux 6.1); where
/// that cannot be read, whether merging runs in the system (/sys/kernel/mm/ksm/run).
bool cuserfault_may_merge(void) CUSERFAULT_REALTIME;

/// Whether the kernel can merge pages at all.
bool cuserfault_has_merging(void);

#endif

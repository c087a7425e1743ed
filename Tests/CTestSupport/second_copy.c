// The library's handler of SIGBUS once more, as in a process with two plug-ins that each contain it.
#define cuserfault_install_resolver install_second_copy
#include "../../CSupport/CUserfault/signal.c"

#include "bus_signals.h"

/// Nothing is ever in a range of this copy's.
static uint64_t resolve_nothing(void *context, uint64_t address) {
  (void)context;
  (void)address;
  return 1;
}

int test_support_bus_install_second_copy(void) {
  static char context;
  return install_second_copy(resolve_nothing, &context);
}

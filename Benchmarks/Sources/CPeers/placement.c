#include "cpeers_placement.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>

static cpu_set_t allowed;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void read_allowed(void) { sched_getaffinity(0, sizeof allowed, &allowed); }

unsigned cpeers_processor_count(void) {
  pthread_once(&once, read_allowed);
  return (unsigned)CPU_COUNT(&allowed);
}

int cpeers_bind_thread(unsigned processor) {
  pthread_once(&once, read_allowed);
  unsigned seen = 0;
  for (int i = 0; i < CPU_SETSIZE; i++) {
    if (!CPU_ISSET(i, &allowed) || seen++ != processor) continue;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(i, &set);
    return sched_setaffinity(0, sizeof set, &set);
  }
  errno = EINVAL;
  return -1;
}

int cpeers_unbind_thread(void) {
  pthread_once(&once, read_allowed);
  return sched_setaffinity(0, sizeof allowed, &allowed);
}

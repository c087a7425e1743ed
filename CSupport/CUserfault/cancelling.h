#ifndef CUSERFAULT_CANCELLING_H
#define CUSERFAULT_CANCELLING_H

// Keeps pthread_cancel(3) from ending the calling thread for a while.

#include <pthread.h>

struct cancelling {
  int state, type;
};

// Both: glibc sends its signal to a thread that may be cancelled at any moment, and may look at nothing but
// the type when that arrives.
static inline void stop_cancelling(struct cancelling *before) {
  pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &before->type);
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before->state);
}

// The thread may end in here.
static inline void resume_cancelling(const struct cancelling *before) {
  pthread_setcancelstate(before->state, NULL);
  pthread_setcanceltype(before->type, NULL);
}

#endif

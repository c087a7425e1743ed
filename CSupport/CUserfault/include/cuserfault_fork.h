#ifndef CUSERFAULT_FORK_H
#define CUSERFAULT_FORK_H

#include "cuserfault_attributes.h"

// What the library's threads do about fork(2): none is forked away in the middle of its work.

/// Has fork(2) wait, a tenth of a second at the most, until no thread is between `cuserfault_begin_work`
/// and `cuserfault_end_work`.
void cuserfault_prepare_for_forks(void);

/// Says that the calling thread is at work from now on. Waits while another thread forks, a tenth of a
/// second at the most.
void cuserfault_begin_work(void);

/// Says that the calling thread sleeps or does what takes no lock. Without effect if it was not at work.
void cuserfault_end_work(void) CUSERFAULT_REALTIME;

#endif

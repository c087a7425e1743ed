// What the mechanisms share: the pool of pre-images and the table that finds them.

#ifndef CPEERS_TRACKER_PRIVATE_H
#define CPEERS_TRACKER_PRIVATE_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "cpeers_tracker.h"

struct cpeers_tracker {
  cpeers_mechanism mechanism;
  char *base;
  size_t byte_count;
  size_t page_size;
  size_t page_count;
  char *pool;
  _Atomic size_t used_slots;
  // For each page its epoch in the upper half and its slot in the lower one. An entry of an older
  // epoch means that the page is not preserved, so a new snapshot need not clear the table.
  _Atomic uint64_t *entries;
  uint32_t epoch;
  _Atomic int failure;
  int descriptor;
  pthread_t thread;
  struct sigaction previous_action;
};

/// Copies the page if nobody has begun to. Returns whether the caller did it, and so is the one to
/// lift the protection.
bool cpeers_preserve(cpeers_tracker *tracker, size_t page);

/// Whether the address lies in the tracked range; its page, if so.
bool cpeers_find_page(const cpeers_tracker *tracker, const void *address, size_t *page);

/// Lets the handler of `signal` be `handler`, which serves `tracker` alone from now on.
int cpeers_install_handler(cpeers_tracker *tracker, int signal,
                           void (*handler)(int, siginfo_t *, void *));
void cpeers_remove_handler(cpeers_tracker *tracker, int signal);

/// The tracker that the signal handlers serve.
extern cpeers_tracker *cpeers_current_tracker;

/// Hands a signal that is not the tracker's to the action that was installed before.
void cpeers_forward_signal(const cpeers_tracker *tracker, int signal);

int cpeers_mprotect_start(cpeers_tracker *tracker);
int cpeers_mprotect_set(cpeers_tracker *tracker, bool protect);
void cpeers_mprotect_stop(cpeers_tracker *tracker);

int cpeers_userfaultfd_start(cpeers_tracker *tracker);
int cpeers_userfaultfd_set(cpeers_tracker *tracker, bool protect);
void cpeers_userfaultfd_stop(cpeers_tracker *tracker);

#endif

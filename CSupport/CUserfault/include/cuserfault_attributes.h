#ifndef CUSERFAULT_ATTRIBUTES_H
#define CUSERFAULT_ATTRIBUTES_H

/// The function neither allocates nor takes a lock of the application's, so Swift code that is
/// checked with `@_noLocks` may call it.
#define CUSERFAULT_REALTIME __attribute__((swift_attr("@_noLocks")))

#endif

internal import Glibc
internal import Synchronization
internal import SystemPackage

// Where the kernel refuses what a waiting thread needs.

extension RegionState {
  /// Wakes the threads that wait in a range. If the kernel refuses, the keeper does it.
  @_noLocks
  func wake(_ start: UInt, _ length: Int) {
    let status = Kernel.wake(descriptor, start, length)
    // EBADF and ENOTTY: the descriptor was closed, which has woken all.
    guard status != 0, status != -EBADF, status != -ENOTTY else { return }
    // Releasing: whatever the threads are to find when they fault anew was written before.
    owesWake.store(true, ordering: .releasing)
    unsafe store.pointee.callKeeper()
  }

  /// How often in a row un-protecting may fail. A writer whose page stays protected is woken each
  /// time, and faults anew.
  private static var mostRefusals: Int {
    @_noLocks get { 64 }
  }

  /// Takes note of what the kernel has answered when pages were to be un-protected. Their content is
  /// preserved and published by then. If it goes on refusing, the protection is given up, loudly,
  /// because a writer must not wait for ever.
  @_noLocks
  func noteUnprotecting(_ status: Int32) {
    guard status != 0 else {
      // A load as a rule: the line is shared by all who resolve faults.
      if refusedUnprotects.load(ordering: .relaxed) != 0 {
        refusedUnprotects.store(0, ordering: .relaxed)
      }
      return
    }
    // ENOENT: the application has unmapped the range, so no fault there is ours any more.
    guard status != -ENOENT else { return }
    let refusals = refusedUnprotects.add(1, ordering: .relaxed).newValue
    guard refusals >= RegionState.mostRefusals else { return }
    isUnprotectable.store(true, ordering: .releasing)
    unsafe store.pointee.callKeeper()
  }

  /// Does what the kernel has refused to others. Keeper only. Returns after how many nanoseconds to
  /// try again, less than zero for not at all.
  func makeUpForRefusals(isBlind: Bool) -> Int64 {
    let retryDelay: Int64 = 1_000_000
    var isDone = true
    if isBlind && !resolvesInline || isUnprotectable.load(ordering: .acquiring) {
      isDone = giveUpProtection()
    }
    if owesWake.exchange(false, ordering: .acquiringAndReleasing) {
      // Not waiting for the gate: whoever opens it may wait for the keeper.
      if gate.enter() {
        wakeAll()
        gate.leave()
      } else {
        owesWake.store(true, ordering: .releasing)
      }
      isDone = isDone && !owesWake.load(ordering: .acquiring)
    }
    return isDone ? -1 : retryDelay
  }
}

// Losing protection: the application has closed the library's descriptors, by close_range(2) say, the
// kernel has merged pages with equal ones (`MergeWatch`), or it does not un-protect any more.

extension RegionState {
  /// Whether writes go unseen, because the descriptor has been closed or pages have been merged. Asked after reading, a `false`
  /// says that what was read is right.
  ///
  /// - Complexity: O(1): an ioctl.
  func hasLostProtection() -> Bool {
    if isUnguarded.load(ordering: .acquiring) { return true }
    // EBADF or ENOTTY: closed, or another file; ENOENT: another userfaultfd descriptor.
    let status = Kernel.writeUnprotect(descriptor, canary, pageSize)
    guard status != 0, status != -EAGAIN else { return false }
    isUnguarded.store(true, ordering: .releasing)
    return true
  }

  /// Lets all writers and readers of views go on, because nobody answers their faults any more. False
  /// if the kernel has refused any of it: try again.
  private func giveUpProtection() -> Bool {
    // Releasing: the writes that follow are not seen by a reader who does not see this.
    isUnguarded.store(true, ordering: .releasing)
    var isDone = unregister(address)
    // By itself, unregistering wakes those who wait for missing pages, not for protected ones.
    wakeWaiters()
    gate.enterWaiting()
    defer { gate.leave() }
    for position in 0..<views.count {
      let view = unsafe views.entry(views.openView(position))
      if unsafe !view.pointee.isCopiedByKernel {
        isDone = unregister(unsafe view.pointee.address) && isDone
      }
    }
    if isDone { isUnprotectable.store(false, ordering: .relaxed) }
    return isDone
  }

  /// False if the range may still be registered.
  private func unregister(_ start: UInt) -> Bool {
    do throws(Errno) {
      try Kernel.unregister(descriptor, start, byteCount)
      return true
    } catch {
      // The descriptor was closed: the registration has gone with it.
      return error == .badFileDescriptor || error.rawValue == ENOTTY
    }
  }
}

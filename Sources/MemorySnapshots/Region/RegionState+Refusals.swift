internal import Synchronization

// Making up for what the kernel has refused to others.

extension RegionState {
  /// Does what the kernel has refused to others. Keeper only. Returns after how many nanoseconds to
  /// try again, less than zero for not at all.
  ///
  /// - Parameter isAbandoned: Whether the threads that answer the region's faults cannot be reached.
  func makeUpForRefusals(isAbandoned: Bool) -> Int64 {
    let retryDelay: Int64 = 1_000_000
    var isDone = true
    if isAbandoned || protection.isToBeGivenUp.load(ordering: .acquiring) {
      isDone = giveUpProtection()
    }
    if protection.owesWake.exchange(false, ordering: .acquiringAndReleasing) {
      // Not waiting for the gate: whoever opens it may wait for the keeper.
      if timeline.gate.enter() {
        wakeAll()
        timeline.gate.leave()
      } else {
        protection.owesWake.store(true, ordering: .releasing)
      }
      isDone = isDone && !protection.owesWake.load(ordering: .acquiring)
    }
    return isDone ? -1 : retryDelay
  }

  /// Lets all writers and readers of views go on, because nobody answers their faults any more. False
  /// if the kernel has refused any of it: try again.
  private func giveUpProtection() -> Bool {
    protection.noteLoss()
    var isDone = protection.unregister(layout.address)
    // By itself, unregistering wakes those who wait for missing pages, not for protected ones.
    protection.wakeAll()
    // Not waiting for the gate: whoever is inside may wait for a page of the region that the kernel has
    // refused to unregister, which is tried again.
    guard timeline.gate.enter() else { return false }
    defer { timeline.gate.leave() }
    for position in 0..<views.count {
      let view = views.entry(views.openView(position))
      if !view.value.isCopiedByKernel {
        isDone = protection.unregister(view.value.address) && isDone
      }
    }
    if isDone { protection.isToBeGivenUp.store(false, ordering: .relaxed) }
    return isDone
  }
}

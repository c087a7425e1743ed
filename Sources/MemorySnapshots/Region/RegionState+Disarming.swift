internal import Synchronization

// Lifting the protection that nobody needs. Keeper only.

extension RegionState {
  /// Lifts the protection of up to `count` slices, if the last snapshot has gone. Returns after how
  /// many nanoseconds there is more to do, less than zero for nothing.
  func disarm(slices count: Int) -> Int64 {
    guard wantsDisarming.exchange(false, ordering: .acquiringAndReleasing) else { return -1 }
    var lifted = 0
    let slices = 0..<protection.slices.count
    for slice in slices where protection.slices.isArmed(slice: slice) {
      guard lifted < count, let isIdle = disarm(slice: slice) else {
        wantsDisarming.store(true, ordering: .releasing)
        return lifted < count ? 1_000_000 : 0
      }
      // A snapshot has been taken meanwhile; the last to go asks again.
      guard isIdle else { return -1 }
      lifted += 1
    }
    return -1
  }

  /// `nil` if the region is busy.
  private func disarm(slice: Int) -> Bool? {
    timeline.control.withLockIfAvailable { snapshots in
      guard snapshots.isEmpty else { return false }
      // Whoever prepares pages for writing must not find the slice disarmed while it is protected.
      timeline.gate.close()
      protection.slices.disarm(slice: slice)
      protection.unprotect(protection.pages(ofSlice: slice))
      openGate()
      return true
    }
  }
}

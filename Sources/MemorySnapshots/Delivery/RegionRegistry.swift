/// A region, as its handler knows it.
///
/// Safe to share: the links are reached under the registry's lock alone.
struct RegionEntry: ~Copyable, Linked, @unchecked Sendable {
  let region: Reference<RegionState>
  /// Whether the handler's threads answer the region's faults.
  let isServedByThreads: Bool
  var links = Links<RegionEntry>()

  init(_ region: Reference<RegionState>, isServedByThreads: Bool) {
    self.region = region
    self.isServedByThreads = isServedByThreads
  }
}

/// The regions of a handler. Its lock is the keeper's and the creator's; like the control lock,
/// which may be taken under it, it is held without allocating and with signals blocked.
struct RegionRegistry: ~Copyable, Sendable {
  private let regions = FutexLock(LinkedList<RegionEntry>())

  func insert(_ entry: Reference<RegionEntry>) {
    withLock { regions in regions.append(entry) }
  }

  func remove(_ entry: Reference<RegionEntry>) {
    withLock { regions in regions.remove(entry) }
  }

  func forEach(_ body: (borrowing RegionEntry) -> Void) {
    withLock { regions in
      var next = regions.first
      while let entry = next {
        body(entry.value)
        next = entry.value.links.next
      }
    }
  }

  private func withLock(_ body: (inout LinkedList<RegionEntry>) -> Void) {
    let saved = Kernel.blockSignals()
    defer { Kernel.restoreSignals(saved) }
    regions.withLock { regions in body(&regions) }
  }
}

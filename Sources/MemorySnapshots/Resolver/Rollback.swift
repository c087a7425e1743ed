/// Rolls a region back to a snapshot that is in use.
struct Rollback {
  private let region: Reference<RegionState>
  private let reader: SnapshotReader

  /// A page to be rolled back, and the address of its old content, 0 for zeros.
  private struct Change {
    let page: Int
    let source: UInt
  }
  private typealias Changes = FixedArray<Change>

  /// How many pages are rolled back between two passes of the gate: a snapshot that is being taken
  /// waits for as many at the most.
  private static var pagesPerPass: Int { 512 }
  /// From this many pages in one pass on, copies go past the cache.
  private static var leastPagesPastCache: Int { 256 }
  /// How many pages before its turn the record of a page's version is fetched.
  private static var prefetchDistance: Int { 8 }

  init(_ region: Reference<RegionState>, _ reader: SnapshotReader) {
    self.region = region
    self.reader = reader
  }

  func run() {
    unsafe withUnsafeTemporaryAllocation(of: Change.self, capacity: Rollback.pagesPerPass) {
      guard let memory = $0.baseAddress else { return }
      let changes = unsafe Changes(count: $0.count, at: memory)
      let pageCount = region.value.layout.pageCount
      var page = 0
      while page < pageCount {
        // Before the gate is passed: nothing that is found goes away meanwhile.
        let (count, end) = find(changes, in: page..<pageCount)
        let saved = Kernel.blockSignals()
        let reliefs = region.value.storeLimit.relief.count()
        region.value.timeline.gate.enterWaiting()
        let starvedAt = apply(changes.prefix(count))
        Kernel.finishCopiesPastCache()
        region.value.timeline.gate.leave()
        Kernel.restoreSignals(saved)
        if starvedAt == nil { region.value.storeLimit.renewPatience() }
        if starvedAt != nil { region.value.storeLimit.relief.wait(since: reliefs) }
        page = starvedAt ?? end
      }
    }
  }

  /// Finds the next pages that have changed. Returns how many, and the first page not looked at.
  private func find(_ changes: Changes, in range: Range<Int>) -> (count: Int, end: Int) {
    var count = 0
    var budget = changes.count
    var rest = range
    while budget > 0,
      let run = region.value.versions.table.nextRun(
        preservedSince: reader.epoch, in: rest, limit: budget)
    {
      for page in run {
        if page + Rollback.prefetchDistance < run.upperBound {
          reader.prefetch(page + Rollback.prefetchDistance)
        }
        let source: UInt
        switch reader.contentToRestore(page) {
        case .live: continue
        case .zero: source = 0
        case .preimage(let address): source = address
        }
        changes[count] = Change(page: page, source: source)
        count += 1
      }
      budget -= run.count
      rest = run.upperBound..<range.upperBound
    }
    return (count, budget > 0 ? range.upperBound : rest.lowerBound)
  }

  /// Preserves what newer snapshots need and writes the old content back, neighbours together. The
  /// gate has been passed. Returns the page for which there was no slot, if any.
  private func apply(_ changes: Changes) -> Int? {
    let resolver = FaultResolver(region)
    var first = 0
    while first < changes.count {
      let start = changes[first].page
      var end = first + 1
      while end < changes.count && changes[end].page == start + end - first { end += 1 }
      let done = resolver.preserve(start..<start + end - first, .restore)
      for index in first..<first + done - start { write(changes, index) }
      if done < start + end - first { return done }
      first = end
    }
    return nil
  }

  private func write(_ changes: Changes, _ index: Int) {
    let change = changes[index]
    let pageSize = region.value.layout.pageSize
    let live = region.value.layout.address(ofPage: change.page)
    let next = changes[min(index + 1, changes.count - 1)].source
    if change.source == 0 {
      Kernel.zeroBytes(live, count: pageSize)
    } else if changes.count >= Rollback.leastPagesPastCache, next != 0 {
      Kernel.copyPastCache(from: change.source, to: live, next: next, count: pageSize)
    } else {
      Kernel.copyBytes(from: change.source, to: live, count: pageSize)
    }
  }
}

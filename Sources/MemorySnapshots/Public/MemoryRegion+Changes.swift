internal import Synchronization

extension MemoryRegion {
  /// The parts of the region that may have been written to since a snapshot: page-granular,
  /// ascending, neighbours joined.
  ///
  /// No page whose content has changed is left out. Pages prepared with `prepareToWrite(_:)` count
  /// too, and most of those written to with the content that they had. Writers that are under way
  /// meanwhile may or may not be included.
  ///
  /// With `tracksChangesWhenIdle`, changes since a snapshot that was released are known as well; pages
  /// that were preserved on a guess count then, whether written to or not. Without, the
  /// protection is lifted some 50 ms after the last snapshot has gone, 64 MiB at a time, and whole slices
  /// of that size, in which nobody sees writes any more, count as changed.
  ///
  /// - Parameter snapshot: A snapshot of this region, released or not.
  /// - Returns: Ranges of bytes. If protection was lost, everything.
  /// - Throws: `SnapshotError` with `.invalidArgument` for a snapshot of another region, `.usedAfterFork`.
  /// - Complexity: O(changed groups of 512 pages); while private memory may be merged (KSM), O(region).
  public func changedRanges(
    since snapshot: MemorySnapshot
  ) throws(SnapshotError) -> [Range<Int>] {
    let operation = "changedRanges(since:)"
    try checkProcess(operation)
    guard snapshot.region === self else {
      throw .foreignSnapshot(operation, "ask its region, snapshot.region")
    }
    let isLive = (try? snapshot.beginUse(operation)) != nil
    defer { if isLive { snapshot.endUse() } }
    return changedRanges(since: snapshot.reader.epoch) { page in
      !isLive || !snapshot.reader.wasOnlyGuessed(page, until: nil)
    }
  }

  /// The ranges of pages preserved in `epoch` or later of which `includes` is true.
  func changedRanges(since epoch: UInt64, where includes: (Int) -> Bool) -> [Range<Int>] {
    if state.value.protection.isLost() || (try? checkMerging("")) == nil {
      return [0..<byteCount]
    }
    var ranges: [Range<Int>] = []
    let pageSize = state.value.layout.pageSize
    func append(_ pages: Range<Int>) {
      let start = pages.lowerBound * pageSize
      let end = pages.upperBound * pageSize
      if let last = ranges.last, last.upperBound == start {
        ranges[ranges.count - 1] = last.lowerBound..<end
      } else {
        ranges.append(start..<end)
      }
    }
    for slice in 0..<state.value.protection.slices.count {
      let pages = state.value.protection.pages(ofSlice: slice)
      let now = state.value.timeline.epoch.load(ordering: .acquiring)
      if state.value.protection.slices.untrackedEpoch(slice: slice, now: now) >= epoch {
        append(pages)
        continue
      }
      var rest = pages
      while let run = state.value.versions.table.nextRun(
        preservedSince: epoch, in: rest, limit: rest.count)
      {
        for page in run where includes(page) { append(page..<page + 1) }
        rest = run.upperBound..<pages.upperBound
      }
    }
    return ranges
  }
}

extension MemorySnapshot {
  /// The parts of the region that were written to between an earlier snapshot and this one:
  /// page-granular, ascending, neighbours joined.
  ///
  /// While both snapshots live, exact but for pages that were only prepared for writing or written to with
  /// the content that they had. Once this one was released or invalidated, pages written to after it may be
  /// included. If the earlier one was the last to go before this one was taken, and some 50 ms passed in
  /// between, whole slices of 64 MiB count as changed, unless `tracksChangesWhenIdle` is set.
  ///
  /// - Parameter snapshot: A snapshot of the same region, released or not; if it is the later of the
  ///   two, there are no changes.
  /// - Returns: Ranges of bytes. If protection was lost, everything.
  /// - Throws: `SnapshotError` with `.invalidArgument` for a snapshot of another region, `.usedAfterFork`.
  /// - Complexity: O(groups of 512 pages changed since the earlier snapshot).
  public func changedRanges(
    since snapshot: MemorySnapshot
  ) throws(SnapshotError) -> [Range<Int>] {
    let operation = "changedRanges(since:)"
    try region.checkProcess(operation)
    guard snapshot.region === region else {
      throw .foreignSnapshot(operation, "compare snapshots of one region")
    }
    let earlier = snapshot.reader.epoch
    guard earlier < reader.epoch else { return [] }
    let isLive = (try? beginUse(operation)) != nil
    defer { if isLive { endUse() } }
    let isBothLive = isLive && (try? snapshot.beginUse(operation)) != nil
    defer { if isBothLive { snapshot.endUse() } }
    return region.changedRanges(since: earlier) { page in
      if isBothLive, snapshot.reader.wasOnlyGuessed(page, until: reader) { return false }
      // Without a version of its own, the snapshot sees the page as last written to.
      guard isLive, let previous = reader.previousEpoch(ofPage: page) else { return true }
      return previous >= earlier
    }
  }
}

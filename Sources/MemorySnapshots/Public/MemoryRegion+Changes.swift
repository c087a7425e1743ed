internal import Synchronization

extension MemoryRegion {
  /// The parts of the region that may have been written to since a snapshot: page-granular,
  /// ascending, neighbours joined.
  ///
  /// No page whose content has changed is left out. Pages prepared with `prepareToWrite(_:)` count
  /// too, and most of those written to with the content that they had. Writers that are under way
  /// meanwhile may or may not be included.
  ///
  /// With `tracksChangesWhenIdle`, the answer is as exact for a snapshot that was released; without,
  /// a snapshot that was the last to be released counts as changed in the 64 MiB slices whose
  /// protection was lifted since.
  ///
  /// - Parameter snapshot: A snapshot of this region, released or not. One of another region is a
  ///   programmer's error and traps.
  /// - Returns: Ranges of bytes.
  ///   If protection was lost, everything.
  /// - Complexity: O(changed groups of 512 pages); while private memory may be merged (KSM), O(region).
  public func changedRanges(since snapshot: MemorySnapshot) -> [Range<Int>] {
    precondition(
      snapshot.region === self, "changedRanges(since:) was given a snapshot of another region.")
    let isLive = (try? snapshot.beginUse("changedRanges(since:)")) != nil
    defer { if isLive { snapshot.endUse() } }
    return changedRanges(since: snapshot.reader.epoch) { page in
      !isLive || !snapshot.reader.wasOnlyGuessed(page, until: nil)
    }
  }

  /// The ranges of pages preserved in `epoch` or later of which `includes` is true.
  func changedRanges(since epoch: UInt64, where includes: (Int) -> Bool) -> [Range<Int>] {
    guard !isInForkedChild else { return [] }
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
  /// Exact, but for pages that were only prepared for writing, while this snapshot is live; once it
  /// was released or invalidated, pages written to after it may be included.
  ///
  /// - Parameter snapshot: A snapshot of the same region, released or not; if it is the later of the
  ///   two, there are no changes. One of another region is a programmer's error and traps.
  /// - Returns: Ranges of bytes.
  /// - Complexity: O(groups of 512 pages changed since the earlier snapshot).
  public func changedRanges(since snapshot: MemorySnapshot) -> [Range<Int>] {
    precondition(
      snapshot.region === region, "changedRanges(since:) was given a snapshot of another region.")
    let earlier = snapshot.reader.epoch
    guard earlier < reader.epoch else { return [] }
    let isLive = (try? beginUse("changedRanges(since:)")) != nil
    defer { if isLive { endUse() } }
    let isBothLive = isLive && (try? snapshot.beginUse("changedRanges(since:)")) != nil
    defer { if isBothLive { snapshot.endUse() } }
    return region.changedRanges(since: earlier) { page in
      if isBothLive, snapshot.reader.wasOnlyGuessed(page, until: reader) { return false }
      // Without a version of its own, the snapshot sees the page as last written to.
      guard isLive, let previous = reader.previousEpoch(ofPage: page) else { return true }
      return previous >= earlier
    }
  }
}

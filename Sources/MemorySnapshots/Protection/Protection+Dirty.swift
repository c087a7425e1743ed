internal import SystemPackage

// Protecting what was written to since the newest snapshot. Gate closed throughout.

extension Protection {
  /// Dirty pages this close together share one ioctl: a page inside a protected run costs about
  /// 1/30 of an ioctl of its own.
  private static var joinGap: Int { 25 }
  /// An ioctl that took no longer may cover twice as much the next time: huge pages are protected by
  /// the hundred in that time, and each ioctl makes the other processors flush their caches of
  /// translations. Small pages may follow huge ones: then one ioctl takes as long as so many slices do.
  private static var shortCall: UInt64 { 100_000 }
  private static var mostSlicesPerCall: Int { 8 }

  func pages(ofSlice slice: Int) -> Range<Int> {
    let first = slice * slices.pagesPerSlice
    return first..<min(first + slices.pagesPerSlice, layout.pageCount)
  }

  /// Write-protects every page that is not: whole slices that are not armed, and of the others the pages
  /// preserved in the newest epoch, `now`.
  ///
  /// - Complexity: O(pages written to since the newest snapshot + slices not armed).
  func protectDirty(_ table: borrowing PageTable, now: UInt64) throws(Errno) {
    var slice = 0
    var slicesPerCall = 1
    while slice < slices.count {
      if !slices.areAllArmed, !slices.isArmed(slice: slice) {
        let last = min(slice + slicesPerCall, slices.count)
        let end = (slice..<last).first { slices.isArmed(slice: $0) } ?? last
        let start = Kernel.nanoseconds()
        try protect(pages(ofSlice: slice).lowerBound..<pages(ofSlice: end - 1).upperBound)
        let wasShort = Kernel.nanoseconds() - start < Protection.shortCall
        slicesPerCall = wasShort ? min(slicesPerCall * 2, Protection.mostSlicesPerCall) : 1
        slice = end
      } else {
        let start = slice * slices.pagesPerSlice
        slice = slices.areAllArmed ? slices.count : slice
        while slice < slices.count, slices.isArmed(slice: slice) { slice += 1 }
        let pages = start..<min(slice * slices.pagesPerSlice, layout.pageCount)
        try protectDirty(pages, table, now)
      }
    }
  }

  /// Marks all slices as armed, after a successful `protectDirty`.
  func armSlices(now: UInt64) {
    guard !slices.areAllArmed else { return }
    for slice in 0..<slices.count where !slices.isArmed(slice: slice) {
      slices.arm(slice: slice, epoch: now)
    }
  }

  private func protectDirty(
    _ range: Range<Int>, _ table: borrowing PageTable, _ now: UInt64
  ) throws(Errno) {
    let longest = slices.pagesPerSlice
    // A page that has lost its protection is not to get it back: that would hide the loss.
    let gap = merging.isPossible() ? 0 : Protection.joinGap
    var hasJoined = false
    var merged = range.lowerBound..<range.lowerBound
    var rest = range
    while let run = table.nextRun(preservedSince: now, in: rest, limit: longest) {
      let isNear = run.lowerBound - merged.upperBound <= gap
      if !merged.isEmpty, isNear, run.upperBound - merged.lowerBound <= longest {
        hasJoined = hasJoined || run.lowerBound > merged.upperBound
        merged = merged.lowerBound..<run.upperBound
      } else {
        try protect(merged)
        merged = run
      }
      rest = run.upperBound..<range.upperBound
    }
    try protect(merged)
    if hasJoined, merging.hasBecomePossible() { loseToMerging() }
  }

  /// Lifts what a failed `protectDirty` has installed.
  func unprotectDirty(_ table: borrowing PageTable, now: UInt64) {
    for slice in 0..<slices.count {
      let pages = pages(ofSlice: slice)
      if !slices.isArmed(slice: slice) {
        unprotect(pages)
        continue
      }
      var rest = pages
      while let run = table.nextRun(preservedSince: now, in: rest, limit: rest.count) {
        unprotect(run)
        rest = run.upperBound..<pages.upperBound
      }
    }
  }
}

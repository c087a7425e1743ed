internal import Synchronization
internal import SystemPackage

// Many pages at once: ahead of a writer, at a caller's request, for a rollback.

extension FaultResolver {
  /// How many pages are claimed at once: enough to make the ioctl cheap, few enough that whoever
  /// faults on one of them does not wait long.
  private static var pagesPerClaim: Int {
    @_noLocks get { 128 }
  }

  /// As many of the hot pages, whose writers are likely to come meanwhile.
  private static var hotPagesPerClaim: Int {
    @_noLocks get { 16 }
  }

  /// Preserves and un-protects hot pages, up to one that is not protected. Does without where slots
  /// are short. The gate has been passed. Returns how many pages were done.
  @_noLocks
  func preserveHotPages(_ pages: Range<Int>) -> Int {
    var page = pages.lowerBound
    while page < pages.upperBound {
      let end = min(page + FaultResolver.hotPagesPerClaim, pages.upperBound)
      let claimed = claim(page..<end, .hot)
      guard claimed.end > page else { break }
      unclaim(page..<claimed.end)
      page = claimed.end
    }
    return page - pages.lowerBound
  }

  /// Preserves and un-protects the pages in `range` that are protected, several per ioctl. The gate
  /// has been passed. Returns the first page that was not done, for want of a slot, or the end.
  @_noLocks
  func preserve(_ range: Range<Int>, _ cause: PreserveCause) -> Int {
    var page = range.lowerBound
    var wait = unsafe BriefWait(region.pointee.briefWaiters)
    defer { wait.end() }
    while page < range.upperBound {
      let word = unsafe region.pointee.table.word(page)
      if word.isFree, needsNoPreserving(page, word) {
        page += 1
        continue
      }
      let claimed = claim(
        page..<min(page + FaultResolver.pagesPerClaim, range.upperBound), cause)
      if claimed.end > page { unclaim(page..<claimed.end) }
      if claimed.isStarved {
        unsafe region.pointee.leaveWord()
        return claimed.end
      }
      // Somebody else has the claim.
      if claimed.end == page { wait.next() }
      page = claimed.end
    }
    return page
  }

  /// Un-protects pages without preserving them, in runs: those that were preserved in `epoch` or
  /// later, which no older snapshot needs. The gate has been passed, and the caller sees to it that
  /// no newer one does.
  @_noLocks
  func unprotect(_ range: Range<Int>, preservedSince epoch: UInt64) {
    let now = unsafe region.pointee.epoch.load(ordering: .relaxed)
    var page = range.lowerBound
    while page < range.upperBound {
      let start = page
      while page < range.upperBound {
        let word = unsafe region.pointee.table.word(page)
        guard word.isFree, word.preserved >= epoch, !needsNoPreserving(page, word),
          unsafe region.pointee.table.claim(page, seen: word, .resolving)
        else { break }
        unsafe region.pointee.table.raiseGroup(of: page, to: now)
        unsafe region.pointee.table.publish(
          page, word.preserved(in: now, newestVersion: word.newestVersion))
        page += 1
      }
      if page > start { unclaim(start..<page) } else { page += 1 }
    }
  }

  /// Copies the pages that recur and were spared from protection, in the new epoch. The gate is
  /// closed, by the caller. Where there is no slot for a page, it is protected after all.
  ///
  /// - Throws: What the kernel answered if a page could neither be copied nor protected. It is open
  ///   then, though its word says that it is protected: nobody may need its content. Called again
  ///   with no snapshot that does, this puts the words right, and cannot fail.
  func copySparedPages() throws(Errno) {
    let epoch = unsafe region.pointee.epoch.load(ordering: .relaxed)
    let all = unsafe 0..<region.pointee.pageCount
    var rest = all
    while let run = unsafe region.pointee.table.nextRun(
      preservedSince: epoch - 1, in: rest, limit: FaultResolver.pagesPerClaim)
    {
      try copySparedPages(in: run, since: epoch - 1)
      rest = run.upperBound..<all.upperBound
    }
  }

  private func copySparedPages(in run: Range<Int>, since epoch: UInt64) throws(Errno) {
    var batch = unsafe PreserveBatch(region, .hot)
    var failure: Errno?
    for page in run where failure == nil {
      let word = unsafe region.pointee.table.word(page)
      // A slice that was open until now has been protected as a whole.
      let untracked = unsafe region.pointee.slices.untrackedEpoch(ofClosedSliceWithPage: page)
      guard word.preserved == epoch, word.recurs, untracked < epoch else { continue }
      if !batch.add(page, word, expected: run.upperBound - page) {
        do throws(Errno) {
          try unsafe region.pointee.protect(page..<page + 1)
        } catch {
          failure = error
        }
      }
    }
    if batch.copiesIfReadable, let unreadable = batch.copyReadablePages() {
      for page in unreadable..<run.upperBound where failure == nil {
        let word = unsafe region.pointee.table.word(page)
        guard word.isFree, word.preserved == epoch else { continue }
        do throws(Errno) {
          try unsafe region.pointee.protect(page..<page + 1)
        } catch {
          failure = error
        }
      }
    }
    // These were left open for the copy.
    batch.finish(protected: 0..<0)
    for page in run {
      let word = unsafe region.pointee.table.word(page)
      if word.claim == .resolving {
        unsafe region.pointee.table.publish(page, word.claimed(.free))
      }
    }
    if let failure { throw failure }
  }
}

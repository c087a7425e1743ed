internal import Synchronization
internal import SystemPackage

// Many pages at once: ahead of a writer, at a caller's request, for a rollback.

extension FaultResolver {
  /// How many pages are claimed at once: enough to make the ioctl cheap, few enough that whoever
  /// faults on one of them does not wait long.
  private static var pagesPerClaim: Int {
    @_noLocks get { 128 }
  }

  /// Preserves and un-protects the pages in `range` that are protected, several per ioctl. The gate
  /// has been passed. Returns the first page that was not done, for want of a slot, or the end.
  @_noLocks
  func preserve(_ range: Range<Int>, _ cause: PreserveCause) -> Int {
    var page = range.lowerBound
    var wait = BriefWait(region.value.versions.waiters)
    defer { wait.end() }
    while page < range.upperBound {
      let word = region.value.versions.table.word(page)
      if word.isFree, needsNoPreserving(page, word) {
        page += 1
        continue
      }
      let claimed = claim(
        page..<min(page + FaultResolver.pagesPerClaim, range.upperBound), cause)
      if claimed.end > page { unclaim(page..<claimed.end) }
      if claimed.isStarved {
        region.value.storeLimit.noteStarvation()
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
    let now = region.value.timeline.epoch.load(ordering: .relaxed)
    var page = range.lowerBound
    while page < range.upperBound {
      let start = page
      while page < range.upperBound {
        let word = region.value.versions.table.word(page)
        guard word.isFree, word.preserved >= epoch, !needsNoPreserving(page, word),
          region.value.versions.table.claim(page, seen: word, .resolving)
        else { break }
        region.value.versions.publish(page, word, in: now, newestVersion: word.newestVersion)
        page += 1
      }
      if page > start { unclaim(start..<page) } else { page += 1 }
    }
  }
}

internal import Synchronization

// Preserving pages on a guess, right after a snapshot. Keeper only.

extension FaultResolver {
  /// How many pages are preserved between two passes of the gate.
  private static var hotPagesPerPass: Int { 256 }

  /// Preserves the next few hot pages, if a snapshot asks for it. Keeper only. Returns after how many
  /// nanoseconds there is more to do, less than zero for nothing.
  func continueGuessing() -> Int64 {
    guard let first = region.value.hotPages.nextPage else { return -1 }
    guard region.value.timeline.gate.enter() else { return 1_000_000 }
    defer { region.value.timeline.gate.leave() }
    let now = region.value.timeline.epoch.load(ordering: .relaxed)
    var next = first
    var guessed = 0
    if region.value.timeline.newestLiveEpoch.load(ordering: .relaxed) == now {
      while guessed < FaultResolver.hotPagesPerPass,
        let run = region.value.versions.table.nextRun(
          preservedSince: now - 1, in: next..<region.value.layout.pageCount,
          limit: FaultResolver.hotPagesPerPass)
      {
        guessed += preserveHotPages(in: run, now)
        next = run.upperBound
      }
    }
    let isDone = guessed < FaultResolver.hotPagesPerPass
    region.value.hotPages.advance(from: first, to: isDone ? nil : next, guessed: guessed)
    return region.value.hotPages.nextPage == nil ? -1 : 0
  }

  private func preserveHotPages(
    in run: Range<Int>, _ now: UInt64
  ) -> Int {
    var done = 0
    var page = run.lowerBound
    while page < run.upperBound {
      let start = page
      while page < run.upperBound, isHot(page, now) { page += 1 }
      if page > start {
        done += preserveHotPages(start..<page)
      } else {
        page += 1
      }
    }
    return done
  }

  private func isHot(_ page: Int, _ now: UInt64) -> Bool {
    let word = region.value.versions.table.word(page)
    return word.isFree && word.recurs && word.preserved + 1 == now
  }

  /// How many hot pages are claimed at once: few, because their writers are likely to come meanwhile.
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
}

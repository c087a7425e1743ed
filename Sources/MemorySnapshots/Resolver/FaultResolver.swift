internal import Glibc
internal import Synchronization

/// Resolves write faults: *copy, publish, un-protect*, in that order.
///
/// Runs in the handler thread, in signal handlers and in callers of the library. The faulting
/// thread may hold any lock of the application, malloc's included: nothing here allocates, takes a
/// lock, or writes to the region.
/// The region's state outlives every resolver.
struct FaultResolver: Sendable {
  let region: Reference<RegionState>

  @_noLocks
  init(_ region: Reference<RegionState>) { self.region = region }

  /// What became of a fault.
  enum Outcome {
    /// The page can be written to, and its waiters are awake.
    case resolved
    /// Somebody else has resolved the same page, and the kernel refuses to un-protect it once more: its
    /// waiters are awake.
    case duplicate
    /// Somebody else has resolved it, or nothing protects the page: it can be written to, and its
    /// waiters are awake.
    case alreadyUnprotected
    /// Somebody else is resolving the same page, and will un-protect it or wake its waiters.
    case underWay
    /// The gate is closed: whoever opens it wakes the thread, which faults anew.
    case parkedAtGate
    /// No slot is free: whoever frees one wakes the thread, which faults anew.
    case starved
  }

  /// A run of pages whose claims the caller holds, preserved and not yet un-protected.
  struct Claimed {
    let end: Int
    /// Whether the run ends where it does for want of a slot.
    let isStarved: Bool

    @_noLocks
    init(end: Int, isStarved: Bool) {
      self.end = end
      self.isStarved = isStarved
    }
  }

  /// Answers a message about a write fault on a page, without waiting.
  @_noLocks
  func resolve(_ page: Int) -> Outcome {
    while !region.value.timeline.gate.enter() {
      if region.value.timeline.gate.park() { return .parkedAtGate }
    }
    let outcome = resolveInsideGate(page)
    region.value.timeline.gate.leave()
    return outcome
  }

  /// The same with the gate passed.
  @_noLocks
  func resolveInsideGate(_ page: Int) -> Outcome {
    var wait = BriefWait(region.value.versions.waiters)
    defer { wait.end() }
    while true {
      let word = region.value.versions.table.word(page)
      if needsNoPreserving(page, word) {
        // Published, so the page may be un-protected, whoever holds the claim. Dropping the message here
        // would lose a wake-up: the thread may have fallen asleep after the holder's un-protecting,
        // because the kernel lets it sleep on any page that is not writable yet.
        return region.value.protection.unprotectOrWake(page..<page + 1)
          ? .alreadyUnprotected : .duplicate
      }
      switch word.claim {
      case .resolving:
        // Its holder has not published yet: its un-protecting is still to come, and wakes. If it
        // finds no slot instead, it wakes, or whoever makes room does.
        return .underWay
      case .locked:
        // A few stores long; protection stays, so the fault is ours.
        wait.next()
      case .free:
        let claimed = claim(page..<page + 1, .fault)
        if claimed.isStarved {
          region.value.storeLimit.noteStarvation()
          return .starved
        }
        guard claimed.end > page else { continue }
        // Counted before the writer is woken, so that it finds its own fault in the statistics.
        region.value.counters.writeFaults.add(1, ordering: .relaxed)
        region.value.hotPages.countFault(
          on: word, now: region.value.timeline.epoch.load(ordering: .relaxed))
        let ahead = pagesAhead(of: page)
        // One ioctl for all, last: a writer that is woken first reaches the pages ahead before they
        // are done, and is put to sleep by one after another.
        unclaim(page..<claim(ahead, .ahead).end)
        return .resolved
      }
    }
  }

  @_noLocks
  private func pagesAhead(of page: Int) -> Range<Int> {
    guard region.value.preservesAhead else { return page + 1..<page + 1 }
    return region.value.streams.pagesAhead(
      of: page, pageCount: region.value.layout.pageCount, region.value.counters)
  }

  // MARK: - Steps

  /// Claims pages and preserves their content, from the first on, up to one that is not protected
  /// or that somebody else has claimed.
  @_noLocks
  func claim(_ pages: Range<Int>, _ cause: PreserveCause) -> Claimed {
    var batch = PreserveBatch(region, cause)
    var isStarved = false
    var page = pages.lowerBound
    while page < pages.upperBound {
      let word = region.value.versions.table.word(page)
      guard word.isFree, !needsNoPreserving(page, word),
        region.value.versions.table.claim(page, seen: word, .resolving)
      else { break }
      guard batch.add(page, word, expected: pages.upperBound - page) else {
        region.value.versions.table.store(page, word)
        region.value.versions.waiters.wake()
        // Messages were dropped because of this claim: their threads must be woken, to fault anew. A
        // guess is given up, so that happens here. Any other caller notes starvation, and whoever makes
        // room wakes them.
        if cause.isGuess { region.value.protection.wake(page..<page + 1) }
        isStarved = true
        break
      }
      page += 1
    }
    if batch.copiesIfReadable, let unreadable = batch.copyReadablePages() {
      giveBack(unreadable..<page)
      page = unreadable
    }
    batch.finish(protected: pages.lowerBound..<page)
    return Claimed(end: page, isStarved: isStarved)
  }

  /// Gives back claims on pages that were to be preserved on a guess and, from the first on, cannot be
  /// read. A page that no snapshot needs has been published as preserved, and is un-protected.
  @_noLocks
  private func giveBack(_ pages: Range<Int>) {
    for page in pages {
      let word = region.value.versions.table.word(page)
      if needsNoPreserving(page, word) {
        unclaim(page..<page + 1)
        continue
      }
      region.value.versions.table.store(page, word.claimed(.free))
      // Messages that were dropped for the sake of this claim have to be sent anew.
      region.value.protection.wake(page..<page + 1)
    }
    region.value.versions.waiters.wake()
  }

  /// Un-protects pages that `claim` has preserved and gives their claims back.
  @_noLocks
  func unclaim(_ pages: Range<Int>) {
    _ = region.value.protection.unprotectOrWake(pages)
    for page in pages {
      let word = region.value.versions.table.word(page)
      region.value.versions.table.store(page, word.claimed(.free))
    }
    region.value.versions.waiters.wake()
  }

  /// True if the page is not to be protected at present.
  @_noLocks
  func needsNoPreserving(_ page: Int, _ word: PageWord) -> Bool {
    word.preserved == region.value.timeline.epoch.load(ordering: .relaxed)
      || !region.value.protection.slices.isArmed(page: page)
  }
}

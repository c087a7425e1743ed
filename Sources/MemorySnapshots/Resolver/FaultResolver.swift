internal import Glibc
internal import Synchronization

/// Resolves write faults: *copy, publish, un-protect*, in that order.
///
/// Runs in the handler thread, in signal handlers and in callers of the library. The faulting
/// thread may hold any lock of the application, malloc's included: nothing here allocates, takes a
/// lock, or writes to the region.
///
/// Safe to share: the region's state outlives every resolver.
@safe
struct FaultResolver: @unchecked Sendable {
  let region: UnsafeMutablePointer<RegionState>

  @_noLocks
  init(region: UnsafeMutablePointer<RegionState>) { unsafe self.region = region }

  /// What became of a fault.
  enum Outcome {
    /// The page is open to writes, and its waiters are awake.
    case resolved
    /// Somebody else resolves, or has resolved, the same page.
    case duplicate
    /// The gate is closed: whoever opens it wakes the thread, which faults anew.
    case parkedAtGate
    /// No slot is free: whoever frees one wakes the thread, which faults anew.
    case starved
  }

  /// A run of pages whose claims the caller holds, preserved and not yet un-protected.
  private struct Claimed {
    let end: Int
    /// Whether the run ends where it does for want of a slot.
    let isStarved: Bool

    @_noLocks
    init(end: Int, isStarved: Bool) {
      self.end = end
      self.isStarved = isStarved
    }
  }

  /// How many pages are claimed at once: enough to make the ioctl cheap, few enough that whoever
  /// faults on one of them does not wait long.
  private static var pagesPerClaim: Int {
    @_noLocks get { 128 }
  }

  /// As many when they are preserved behind the back of a writer who is about to reach them.
  private static var pagesPerClaimOnGuess: Int {
    @_noLocks get { 16 }
  }

  /// Answers a message about a write fault on a page, without waiting. The writer is woken before
  /// pages ahead of it are preserved: it goes on while this thread works.
  @_noLocks
  func resolve(_ page: Int) -> Outcome {
    while unsafe !region.pointee.gate.enter() {
      if unsafe region.pointee.gate.park() { return .parkedAtGate }
    }
    let outcome = resolveInsideGate(page, wakesFirst: true)
    unsafe region.pointee.gate.leave()
    return outcome
  }

  /// The same with the gate passed. Without `wakesFirst`, the pages ahead are un-protected together
  /// with the page: the writer is the one who works, and one ioctl is cheaper than two.
  @_noLocks
  func resolveInsideGate(_ page: Int, wakesFirst: Bool) -> Outcome {
    while true {
      let word = unsafe region.pointee.table.word(page)
      if needsNoPreserving(page, word) {
        // Published, so the page may be opened, whoever holds the claim. Dropping the message here
        // would lose a wake-up: the thread may have fallen asleep after the holder's un-protecting,
        // because the kernel lets it sleep on any page that is not writable yet.
        unprotect(page, count: 1)
        return .duplicate
      }
      switch word.claim {
      case .resolving:
        // Its holder has not published yet: its un-protecting is still to come, and wakes. If it
        // finds no slot instead, whoever makes room wakes the whole region.
        return .duplicate
      case .locked:
        // A few stores long; protection stays, so the fault is ours.
        Kernel.yield()
      case .free:
        let claimed = claim(page..<page + 1, .fault)
        if claimed.isStarved {
          unsafe region.pointee.leaveWord()
          return .starved
        }
        guard claimed.end > page else { continue }
        // Counted before the writer is woken, so that it finds its own fault in the statistics.
        unsafe region.pointee.counters.writeFaults.add(1, ordering: .relaxed)
        unsafe region.pointee.hotPages.countFault(on: word, region.pointee.epoch)
        let ahead = pagesAhead(of: page)
        if wakesFirst {
          unclaim(page..<page + 1)
          _ = preserveOnGuess(ahead, .ahead)
        } else {
          unclaim(page..<claim(ahead, .ahead).end)
        }
        return .resolved
      }
    }
  }

  @_noLocks
  private func pagesAhead(of page: Int) -> Range<Int> {
    guard unsafe region.pointee.preservesAhead else { return page + 1..<page + 1 }
    return unsafe region.pointee.streams.pagesAhead(
      of: page, pageCount: region.pointee.pageCount, region.pointee.counters)
  }

  /// Preserves and un-protects pages that a writer is expected to reach, up to one that is not
  /// protected. Does without where slots are short. The gate has been passed. Returns how many
  /// pages were done.
  @_noLocks
  func preserveOnGuess(_ pages: Range<Int>, _ cause: PreserveCause) -> Int {
    var page = pages.lowerBound
    while page < pages.upperBound {
      let end = min(page + FaultResolver.pagesPerClaimOnGuess, pages.upperBound)
      let claimed = claim(page..<end, cause)
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
    while page < range.upperBound {
      let claimed = claim(
        page..<min(page + FaultResolver.pagesPerClaim, range.upperBound), cause)
      if claimed.end > page { unclaim(page..<claimed.end) }
      if claimed.isStarved {
        unsafe region.pointee.leaveWord()
        return claimed.end
      }
      page = claimed.end > page ? claimed.end : skip(page)
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

  // MARK: - Steps

  /// Claims pages and preserves their content, from the first on, up to one that is not protected
  /// or that somebody else has claimed.
  @_noLocks
  private func claim(_ pages: Range<Int>, _ cause: PreserveCause) -> Claimed {
    var page = pages.lowerBound
    while page < pages.upperBound {
      let word = unsafe region.pointee.table.word(page)
      guard word.isFree, !needsNoPreserving(page, word),
        unsafe region.pointee.table.claim(page, seen: word, .resolving)
      else { break }
      guard let preserved = unsafe region.pointee.preserve(page, word, cause) else {
        unsafe region.pointee.table.publish(page, word)
        return Claimed(end: page, isStarved: true)
      }
      unsafe region.pointee.table.publish(page, preserved)
      page += 1
    }
    return Claimed(end: page, isStarved: false)
  }

  /// Un-protects pages that `claim` has preserved and gives their claims back.
  @_noLocks
  private func unclaim(_ pages: Range<Int>) {
    unprotect(pages.lowerBound, count: pages.count)
    for page in pages {
      let word = unsafe region.pointee.table.word(page)
      unsafe region.pointee.table.publish(page, word.claimed(.free))
    }
  }

  /// True if the page is not to be protected at present.
  @_noLocks
  private func needsNoPreserving(_ page: Int, _ word: PageWord) -> Bool {
    unsafe word.preserved == region.pointee.epoch.load(ordering: .relaxed)
      || region.pointee.slices.isOpen(page: page)
  }

  /// The next page to look at after one that could not be claimed.
  @_noLocks
  private func skip(_ page: Int) -> Int {
    let word = unsafe region.pointee.table.word(page)
    if word.isFree, needsNoPreserving(page, word) { return page + 1 }
    Kernel.yield()
    return page
  }

  /// Lifts the protection and wakes the threads that wait there. If the range is gone (the
  /// application unmapped it), waking is all there is to do: they fault as the kernel sees fit.
  @_noLocks
  private func unprotect(_ page: Int, count: Int) {
    let start = unsafe region.pointee.address(ofPage: page)
    let length = unsafe count * region.pointee.pageSize
    let descriptor = unsafe region.pointee.descriptor
    for _ in 0..<FaultResolver.retries {
      let status = Kernel.writeUnprotect(descriptor, start, length)
      if status == 0 { return }
      // EAGAIN: the address space is being changed by a fork or a remapping; it passes.
      if status != -EAGAIN { break }
      Kernel.yield()
    }
    _ = Kernel.wake(descriptor, start, length)
  }

  private static var retries: Int {
    @_noLocks get { 1000 }
  }
}

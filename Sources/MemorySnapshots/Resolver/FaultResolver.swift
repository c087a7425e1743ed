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
    /// Somebody else had resolved the same page: it was opened again, and its waiters are awake.
    case duplicate
    /// Somebody else has resolved it, or nothing protects the page: it can be written to.
    case alreadyOpen
    /// Somebody else is resolving the same page, and will open it or wake its waiters.
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
    while unsafe !region.pointee.gate.enter() {
      if unsafe region.pointee.gate.park() { return .parkedAtGate }
    }
    let outcome = resolveInsideGate(page)
    unsafe region.pointee.gate.leave()
    return outcome
  }

  /// The same with the gate passed.
  @_noLocks
  func resolveInsideGate(_ page: Int) -> Outcome {
    var wait = unsafe BriefWait(region.pointee.briefWaiters)
    defer { wait.end() }
    while true {
      let word = unsafe region.pointee.table.word(page)
      if needsNoPreserving(page, word) {
        // Published, so the page may be opened, whoever holds the claim. Dropping the message here
        // would lose a wake-up: the thread may have fallen asleep after the holder's un-protecting,
        // because the kernel lets it sleep on any page that is not writable yet.
        return unprotect(page, count: 1) ? .alreadyOpen : .duplicate
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
          unsafe region.pointee.leaveWord()
          return .starved
        }
        guard claimed.end > page else { continue }
        // Counted before the writer is woken, so that it finds its own fault in the statistics.
        unsafe region.pointee.counters.writeFaults.add(1, ordering: .relaxed)
        unsafe region.pointee.hotPages.countFault(on: word, region.pointee.epoch)
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
    guard unsafe region.pointee.preservesAhead else { return page + 1..<page + 1 }
    return unsafe region.pointee.streams.pagesAhead(
      of: page, pageCount: region.pointee.pageCount, region.pointee.counters)
  }

  // MARK: - Steps

  /// Claims pages and preserves their content, from the first on, up to one that is not protected
  /// or that somebody else has claimed.
  @_noLocks
  func claim(_ pages: Range<Int>, _ cause: PreserveCause) -> Claimed {
    var batch = unsafe PreserveBatch(region, cause)
    var isStarved = false
    var page = pages.lowerBound
    while page < pages.upperBound {
      let word = unsafe region.pointee.table.word(page)
      guard word.isFree, !needsNoPreserving(page, word),
        unsafe region.pointee.table.claim(page, seen: word, .resolving)
      else { break }
      guard batch.add(page, word, expected: pages.upperBound - page) else {
        unsafe region.pointee.table.publish(page, word)
        unsafe region.pointee.briefWaiters.wake()
        // Messages that were dropped for the sake of this claim have to be sent anew. A fault or an
        // intent leaves word, and whoever makes room wakes; a guess is given up.
        if cause.isGuess { wake(page) }
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
  /// read. A page that no snapshot needs has been published as open, and is opened.
  @_noLocks
  private func giveBack(_ pages: Range<Int>) {
    for page in pages {
      let word = unsafe region.pointee.table.word(page)
      if needsNoPreserving(page, word) {
        unclaim(page..<page + 1)
        continue
      }
      unsafe region.pointee.table.publish(page, word.claimed(.free))
      // Messages that were dropped for the sake of this claim have to be sent anew.
      wake(page)
    }
    unsafe region.pointee.briefWaiters.wake()
  }

  /// Un-protects pages that `claim` has preserved and gives their claims back.
  @_noLocks
  func unclaim(_ pages: Range<Int>) {
    unprotect(pages.lowerBound, count: pages.count)
    for page in pages {
      let word = unsafe region.pointee.table.word(page)
      unsafe region.pointee.table.publish(page, word.claimed(.free))
    }
    unsafe region.pointee.briefWaiters.wake()
  }

  /// True if the page is not to be protected at present.
  @_noLocks
  func needsNoPreserving(_ page: Int, _ word: PageWord) -> Bool {
    unsafe word.preserved == region.pointee.epoch.load(ordering: .relaxed)
      || region.pointee.slices.isOpen(page: page)
  }

  /// Lifts the protection and wakes the threads that wait there. If the range is gone (the
  /// application unmapped it), waking is all there is to do: they fault as the kernel sees fit. If the
  /// kernel refuses, the page stays protected, and whoever writes to it faults anew, until it does
  /// not refuse any more or `RegionState.noteUnprotecting` has had enough. False then.
  @discardableResult
  @_noLocks
  private func unprotect(_ page: Int, count: Int) -> Bool {
    let start = unsafe region.pointee.address(ofPage: page)
    let length = unsafe count * region.pointee.pageSize
    let descriptor = unsafe region.pointee.descriptor
    var status = Kernel.writeUnprotect(descriptor, start, length)
    var attempt = 0
    // EAGAIN: the address space is being changed by a fork or a remapping; it passes.
    while status == -EAGAIN, attempt < FaultResolver.retries {
      Kernel.pause(attempt)
      status = Kernel.writeUnprotect(descriptor, start, length)
      attempt += 1
    }
    unsafe region.pointee.noteUnprotecting(status)
    if status != 0 { unsafe region.pointee.wake(start, length) }
    return status == 0
  }

  /// Wakes the threads that wait at a page: they fault anew.
  @_noLocks
  private func wake(_ page: Int) {
    unsafe region.pointee.wake(region.pointee.address(ofPage: page), region.pointee.pageSize)
  }

  private static var retries: Int {
    @_noLocks get { 1000 }
  }
}

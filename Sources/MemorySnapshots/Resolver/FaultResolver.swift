internal import Glibc
internal import Synchronization

/// Resolves write faults: *copy, publish, un-protect*, in that order.
///
/// Runs in the handler thread, in signal handlers and in callers of the library. The faulting
/// thread may hold any lock of the application, malloc's included: nothing here allocates, takes a
/// lock, or writes to the region.
@safe
struct FaultResolver: Sendable {
  nonisolated(unsafe) let region: UnsafeMutablePointer<RegionState>

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

  /// Answers a write fault on a page.
  @_noLocks
  func resolve(_ page: Int) -> Outcome {
    while unsafe !region.pointee.gate.enter() {
      if unsafe region.pointee.gate.park() { return .parkedAtGate }
    }
    let outcome = resolveInsideGate(page)
    unsafe region.pointee.gate.leave()
    return outcome
  }

  @_noLocks
  private func resolveInsideGate(_ page: Int) -> Outcome {
    while true {
      let word = unsafe region.pointee.table.word(page)
      switch word.claim {
      case .resolving:
        // Its holder un-protects the page after this message was sent, and that wakes.
        return .duplicate
      case .locked:
        // A few stores long; protection stays, so the fault is ours.
        Kernel.yield()
      case .free where needsNoPreserving(page, word):
        // A message that came too late, or a protection that a failed snapshot left behind.
        unprotect(page, count: 1)
        return .duplicate
      case .free:
        guard unsafe region.pointee.table.claim(page, seen: word, .resolving) else { continue }
        return preserveAndUnprotect(page, word)
      }
    }
  }

  /// True if the page is not to be protected at present.
  @_noLocks
  private func needsNoPreserving(_ page: Int, _ word: PageWord) -> Bool {
    unsafe word.preserved == region.pointee.epoch.load(ordering: .relaxed)
      || region.pointee.slices.isOpen(page: page)
  }

  @_noLocks
  private func preserveAndUnprotect(_ page: Int, _ word: PageWord) -> Outcome {
    guard let preserved = unsafe region.pointee.preserve(page, word, .fault) else {
      unsafe region.pointee.table.publish(page, word)
      return starve()
    }
    unsafe region.pointee.table.publish(page, preserved)
    unprotect(page, count: 1)
    unsafe region.pointee.table.publish(page, preserved.claimed(.free))
    return .resolved
  }

  /// Preserves and un-protects the pages in `range` that are protected, several per ioctl. The gate
  /// has been passed. Returns the first page that was not done, for want of a slot, or the end.
  @_noLocks
  func preserve(_ range: Range<Int>, _ cause: PreserveCause) -> Int {
    var page = range.lowerBound
    while page < range.upperBound {
      let start = page
      let end = min(start + FaultResolver.pagesPerClaim, range.upperBound)
      var isStarved = false
      while page < end {
        let word = unsafe region.pointee.table.word(page)
        guard word.isFree, !needsNoPreserving(page, word),
          unsafe region.pointee.table.claim(page, seen: word, .resolving)
        else { break }
        guard let preserved = unsafe region.pointee.preserve(page, word, cause) else {
          unsafe region.pointee.table.publish(page, word)
          isStarved = true
          break
        }
        unsafe region.pointee.table.publish(page, preserved)
        page += 1
      }
      if page > start {
        unprotect(start, count: page - start)
        for done in start..<page {
          let word = unsafe region.pointee.table.word(done)
          unsafe region.pointee.table.publish(done, word.claimed(.free))
        }
      }
      if isStarved {
        _ = starve()
        return page
      }
      if page == start { page = skip(page) }
    }
    return page
  }

  /// The next page to look at after one that could not be claimed.
  @_noLocks
  private func skip(_ page: Int) -> Int {
    let word = unsafe region.pointee.table.word(page)
    if word.isFree, needsNoPreserving(page, word) { return page + 1 }
    Kernel.yield()
    return page
  }

  /// How many pages are claimed at once: enough to make the ioctl cheap, few enough that whoever
  /// faults on one of them does not wait long.
  private static var pagesPerClaim: Int {
    @_noLocks get { 128 }
  }

  /// Leaves word for the keeper that a fault waits for a slot.
  @_noLocks
  private func starve() -> Outcome {
    _ = unsafe region.pointee.starved.exchange(1)
    unsafe region.pointee.store.pointee.callKeeper()
    return .starved
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

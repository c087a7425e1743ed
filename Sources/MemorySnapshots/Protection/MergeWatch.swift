internal import Synchronization

/// Whether the kernel may merge pages of a region with equal ones (KSM).
///
/// A merge puts another page in the place of a private one, and forgets that it was write-protected:
/// later writes do not fault. Regions opt out when they are made; madvise(MADV_MERGEABLE) and
/// prctl(PR_SET_MEMORY_MERGE) opt in again at any time. The kernel does not say so, but what it did
/// stays visible: the protection bit of a merged page is gone until we set it again. So while merging
/// is possible, whoever relies on a page's protection looks at the bit afterwards, and whoever would set
/// or clear the bit of a page that should have it looks before.
///
/// Asking is a system call too, so the answer *no* is believed for a while. Once *yes*, it stays: a bit
/// that was lost is lost after merging has ended, too.
struct MergeWatch: ~Copyable {
  private let isExposed: Bool
  private let wasExpected: Bool
  private let mayHappen = Atomic<Bool>(false)
  private let hasHappened = Atomic<Bool>(false)
  private let lastLook = Atomic<UInt64>(0)
  private let lastFullLook = Atomic<UInt64>(0)

  /// How many nanoseconds the answer is believed that the process has not opted in by prctl(2): as long
  /// as asking takes 1 % of the time.
  private static var trust: UInt64 {
    @_noLocks get { 20_000 }
  }

  /// The same for madvise(MADV_MERGEABLE). Finding out takes longer: a file has to be read.
  private static var fullTrust: UInt64 {
    @_noLocks get { 1_000_000 }
  }

  init(isExposed: Bool) {
    self.isExposed = isExposed
    wasExpected = isExposed && Kernel.mergesEverything()
  }

  /// Whether pages of the region may have been merged. Asks the kernel now and then, and remembers a *yes*.
  @_noLocks
  func isPossible() -> Bool {
    guard isExposed else { return false }
    // Relaxed, all of these: what is asked of the kernel is not ordered by them, and it is the kernel's
    // answer of now, or of a moment ago, that counts.
    if mayHappen.load(ordering: .relaxed) { return true }
    let now = Kernel.nanoseconds()
    if now &- lastFullLook.load(ordering: .relaxed) >= MergeWatch.fullTrust {
      if Kernel.mayMerge() { return becomePossible() }
      lastFullLook.store(now, ordering: .relaxed)
      lastLook.store(now, ordering: .relaxed)
    } else if now &- lastLook.load(ordering: .relaxed) >= MergeWatch.trust {
      if Kernel.mergesEverything() { return becomePossible() }
      lastLook.store(now, ordering: .relaxed)
    }
    return false
  }

  /// Whether it has become possible since `isPossible()` was false a moment ago.
  func hasBecomePossible() -> Bool {
    isExposed && Kernel.mergesEverything() && becomePossible()
  }

  @_noLocks
  private func becomePossible() -> Bool {
    mayHappen.store(true, ordering: .relaxed)
    return true
  }

  /// What to make of bits that cannot be read (no descriptor is left, or /proc is not to be had): the
  /// region has opted out, so they are believed, unless the process has opted in for all memory since.
  var trustsUnseen: Bool {
    @_noLocks get { wasExpected || !Kernel.mergesEverything() }
  }

  /// Whether a page was found without its protection.
  var hasDoneHarm: Bool {
    @_noLocks get { hasHappened.load(ordering: .acquiring) }
  }

  @_noLocks
  func noteHarm() { hasHappened.store(true, ordering: .releasing) }
}

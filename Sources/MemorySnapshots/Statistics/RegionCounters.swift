internal import Synchronization

/// The live counters of a region. Relaxed throughout: a reader disturbs nobody, and sees each
/// counter at some recent moment rather than all at one.
struct RegionCounters: ~Copyable {
  let snapshotsTaken = Atomic<Int>(0)
  let snapshotsLive = Atomic<Int>(0)
  let snapshotsInvalidated = Atomic<Int>(0)
  let writeFaults = Atomic<Int>(0)
  let duplicateMessages = Atomic<Int>(0)
  let parkedFaults = Atomic<Int>(0)
  let pagesCopiedByFaults = Atomic<Int>(0)
  let pagesCopiedWhileHot = Atomic<Int>(0)
  let pagesCopiedAhead = Atomic<Int>(0)
  let pagesAheadUsed = Atomic<Int>(0)
  let pagesAheadWasted = Atomic<Int>(0)
  let pagesCopiedByIntent = Atomic<Int>(0)
  let pagesCopiedByRestores = Atomic<Int>(0)
  let pagesCopiedByViews = Atomic<Int>(0)
  let zeroPages = Atomic<Int>(0)
  let mostPreservedPages = Atomic<Int>(0)
  let lastProtectTime = Atomic<UInt64>(0)
  let totalProtectTime = Atomic<UInt64>(0)
  let worstProtectTime = Atomic<UInt64>(0)
  let serviceTime = AtomicHistogram()

  @_noLocks
  func count(copies: Int, _ cause: PreserveCause) {
    guard copies > 0 else { return }
    switch cause {
    case .fault: pagesCopiedByFaults.add(copies, ordering: .relaxed)
    case .hot: pagesCopiedWhileHot.add(copies, ordering: .relaxed)
    case .ahead: pagesCopiedAhead.add(copies, ordering: .relaxed)
    case .intent: pagesCopiedByIntent.add(copies, ordering: .relaxed)
    case .restore: pagesCopiedByRestores.add(copies, ordering: .relaxed)
    }
  }

  @_noLocks
  func notePreserved(_ pages: Int) {
    if pages > mostPreservedPages.load(ordering: .relaxed) {
      mostPreservedPages.max(pages, ordering: .relaxed)
    }
  }

  func countProtecting(nanoseconds: UInt64) {
    lastProtectTime.store(nanoseconds, ordering: .relaxed)
    totalProtectTime.add(nanoseconds, ordering: .relaxed)
    worstProtectTime.max(nanoseconds, ordering: .relaxed)
  }
}

/// A `LatencyHistogram` that any thread may add to.
struct AtomicHistogram: ~Copyable, Sendable {
  private let buckets: FixedArray<Word>
  private let sum = Atomic<UInt64>(0)
  private let maximum = Atomic<UInt64>(0)

  init() {
    buckets = FixedArray(count: LatencyHistogram.bucketCount) { Word(0) }
  }

  deinit { unsafe buckets.free() }

  @_noLocks
  func add(nanoseconds: UInt64) {
    buckets[LatencyHistogram.bucket(of: nanoseconds)].bits.add(1, ordering: .relaxed)
    sum.add(nanoseconds, ordering: .relaxed)
    if nanoseconds > maximum.load(ordering: .relaxed) {
      maximum.max(nanoseconds, ordering: .relaxed)
    }
  }

  func read() -> LatencyHistogram {
    LatencyHistogram(
      counts: (0..<LatencyHistogram.bucketCount).map {
        Int(clamping: buckets[$0].bits.load(ordering: .relaxed))
      },
      sumOfNanoseconds: sum.load(ordering: .relaxed),
      mostNanoseconds: maximum.load(ordering: .relaxed))
  }
}

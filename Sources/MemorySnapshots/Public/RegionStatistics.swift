internal import Synchronization

/// What a region has done and what it keeps. All figures but the current ones count from the
/// region's creation.
public struct RegionStatistics: Sendable, Hashable, Codable {
  /// Pages whose pre-image was copied, by cause.
  public struct PagesCopied: Sendable, Hashable, Codable {
    /// A thread wrote to a protected page.
    public var byFaults: Int
    /// A thread was seen to write page after page, and the pages before it were copied too.
    public var ahead: Int
    /// The page had been written to in interval after interval, and was copied right after the
    /// snapshot.
    public var whileHot: Int
    /// `prepareToWrite(_:)` or `discard(_:)`.
    public var byIntent: Int
    /// Copies made by the kernel in a view, or into one when it was made.
    public var byViews: Int
    /// `restore(to:)`, on behalf of newer snapshots.
    public var byRestores: Int
  }

  /// How long write protection took: the pause of those who write to protected pages meanwhile.
  public struct ProtectTime: Sendable, Hashable, Codable {
    /// The newest snapshot, in nanoseconds.
    public var last: UInt64
    /// All snapshots together, in nanoseconds.
    public var total: UInt64
    /// The worst snapshot, in nanoseconds.
    public var worst: UInt64
  }

  /// Snapshots taken.
  public var snapshotsTaken: Int
  /// Snapshots that are neither released nor invalidated.
  public var snapshotsLive: Int
  /// Snapshots given up because the store was full.
  public var snapshotsInvalidated: Int
  /// Write faults resolved.
  public var writeFaults: Int
  /// Messages about a page that was resolved already, or being resolved.
  public var duplicateMessages: Int
  /// Faults put aside while a snapshot was taken, or for want of memory, and repeated.
  public var parkedFaults: Int
  /// Pages copied, by cause.
  public var pagesCopied: PagesCopied
  /// How often copying ahead of sequential writers was right.
  public struct Ahead: Sendable, Hashable, Codable {
    /// Pages preserved ahead that the writer reached.
    public var used: Int
    /// Pages preserved ahead of a writer that stopped or turned elsewhere before it reached them
    /// all; some of these may have been written to.
    public var wasted: Int
  }

  /// How well the pages that are written to in every interval are known.
  public struct HotPages: Sendable, Hashable, Codable {
    /// Of the pages preserved as hot, the share that was written to, in per cent: measured in every
    /// fourth interval, in which none is. `nil` before the first.
    public var hitPercentage: Int?
    /// The most pages preserved as hot after a snapshot.
    public var budget: Int
  }

  /// Hot pages.
  public var hotPages: HotPages
  /// Pages preserved ahead of sequential writers.
  public var pagesAhead: Ahead
  /// Pre-images that were all zeros and needed no memory.
  public var zeroPages: Int
  /// Bytes of pre-images kept now, each with all its copies in views that the kernel copies pages for:
  /// what `storeLimit` bounds.
  public var preservedBytes: Int
  /// The most bytes of pre-images kept at any time.
  public var mostPreservedBytes: Int
  /// Bytes that readers have brought into open views which are filled as they are read
  /// (`SnapshotView`). `storeLimit` does not bound them: at most the region's size for each view.
  public var residentViewBytes: Int
  /// Bytes of memory held by the store that this region shares with the others of its handler: in
  /// use, and ready for use.
  public var poolBytes: Int
  /// The pause.
  public var protectTime: ProtectTime
  /// How long the handler took for each fault, from reading its message to waking the writer.
  public var faultServiceTime: LatencyHistogram
}

extension MemoryRegion {
  /// What the region has done so far. Reading it disturbs nobody; the figures are each of a recent
  /// moment, not all of the same.
  public var statistics: RegionStatistics {
    let pageSize = isInForkedChild ? 0 : state.value.layout.pageSize
    return RegionStatistics(
      state.value.counters,
      hotPages: RegionStatistics.HotPages(
        hitPercentage: state.value.hotPages.measuredHitPercentage,
        budget: state.value.hotPages.isEnabled ? state.value.hotPages.budget : 0),
      pageSize: pageSize,
      preservedPages: state.value.budget.keptPages.load(ordering: .relaxed),
      residentViewPages: state.value.budget.residentViewPages.load(ordering: .relaxed),
      poolBytes: isInForkedChild ? 0 : state.value.store.value.populatedBytes)
  }
}

extension RegionStatistics {
  init(
    _ counters: borrowing RegionCounters, hotPages: HotPages, pageSize: Int,
    preservedPages: Int, residentViewPages: Int, poolBytes: Int
  ) {
    snapshotsTaken = counters.snapshotsTaken.load(ordering: .relaxed)
    snapshotsLive = counters.snapshotsLive.load(ordering: .relaxed)
    snapshotsInvalidated = counters.snapshotsInvalidated.load(ordering: .relaxed)
    writeFaults = counters.writeFaults.load(ordering: .relaxed)
    duplicateMessages = counters.duplicateMessages.load(ordering: .relaxed)
    parkedFaults = counters.parkedFaults.load(ordering: .relaxed)
    pagesCopied = PagesCopied(
      byFaults: counters.pagesCopiedByFaults.load(ordering: .relaxed),
      ahead: counters.pagesCopiedAhead.load(ordering: .relaxed),
      whileHot: counters.pagesCopiedWhileHot.load(ordering: .relaxed),
      byIntent: counters.pagesCopiedByIntent.load(ordering: .relaxed),
      byViews: counters.pagesCopiedByViews.load(ordering: .relaxed),
      byRestores: counters.pagesCopiedByRestores.load(ordering: .relaxed))
    pagesAhead = Ahead(
      used: counters.pagesAheadUsed.load(ordering: .relaxed),
      wasted: counters.pagesAheadWasted.load(ordering: .relaxed))
    self.hotPages = hotPages
    zeroPages = counters.zeroPages.load(ordering: .relaxed)
    preservedBytes = preservedPages * pageSize
    mostPreservedBytes = counters.mostPreservedPages.load(ordering: .relaxed) * pageSize
    residentViewBytes = residentViewPages * pageSize
    self.poolBytes = poolBytes
    protectTime = ProtectTime(
      last: counters.lastProtectTime.load(ordering: .relaxed),
      total: counters.totalProtectTime.load(ordering: .relaxed),
      worst: counters.worstProtectTime.load(ordering: .relaxed))
    faultServiceTime = counters.serviceTime.read()
  }
}

extension RegionStatistics: CustomStringConvertible {
  /// A few lines in words.
  public var description: String {
    """
    snapshots: \(snapshotsTaken) taken, \(snapshotsLive) live, \(snapshotsInvalidated) invalidated
    write faults: \(writeFaults), duplicate messages: \(duplicateMessages), put aside: \
    \(parkedFaults)
    pages copied: \(pagesCopied.byFaults) by faults, \(pagesCopied.ahead) ahead of them \
    (\(pagesAhead.wasted) in vain), \(pagesCopied.byIntent) by intent, \
    \(pagesCopied.byViews) by views, \(pagesCopied.byRestores) by restores; \(zeroPages) were zero
    preserved: \(ByteText(preservedBytes)) now, \(ByteText(mostPreservedBytes)) at most; read into \
    views: \(ByteText(residentViewBytes)); pool: \(ByteText(poolBytes))
    pause: \(TimeText(protectTime.last)) last, \(TimeText(protectTime.worst)) worst, \
    \(TimeText(protectTime.total)) in total
    fault service: p50 \(TimeText(faultServiceTime.p50)), p99 \(TimeText(faultServiceTime.p99)), \
    max \(TimeText(faultServiceTime.maximum))
    """
  }
}

/// A number of bytes in words: "1.5 MiB".
struct ByteText: CustomStringConvertible {
  let bytes: Int

  init(_ bytes: Int) { self.bytes = bytes }

  var description: String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"]
    var value = Double(bytes)
    var unit = 0
    while value >= 1024, unit < units.count - 1 {
      value /= 1024
      unit += 1
    }
    return unit == 0 ? "\(bytes) B" : "\((value * 10).rounded() / 10) \(units[unit])"
  }
}

/// A time in words: "1.5 ms".
struct TimeText: CustomStringConvertible {
  let nanoseconds: UInt64

  init(_ nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

  var description: String {
    let units = ["ns", "µs", "ms", "s"]
    var value = Double(nanoseconds)
    var unit = 0
    while value >= 1000, unit < units.count - 1 {
      value /= 1000
      unit += 1
    }
    return unit == 0 ? "\(nanoseconds) ns" : "\((value * 10).rounded() / 10) \(units[unit])"
  }
}

internal import Synchronization

extension MemoryRegion {
  /// What the region has done so far. Reading it disturbs nobody; the figures are each of a recent
  /// moment, not all of the same.
  public var statistics: RegionStatistics {
    let pageSize = isInForkedChild ? 0 : unsafe state.pointee.pageSize
    return unsafe RegionStatistics(
      state.pointee.counters, hotPages: state.pointee.hotPages.statistics,
      pageSize: pageSize,
      preservedPages: state.pointee.preservedPages.load(ordering: .relaxed),
      residentViewPages: state.pointee.residentViewPages.load(ordering: .relaxed),
      poolBytes: isInForkedChild ? 0 : state.pointee.store.pointee.populatedBytes)
  }
}

extension RegionStatistics {
  fileprivate init(
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
      last: .wholeNanoseconds(counters.lastProtectTime.load(ordering: .relaxed)),
      total: .wholeNanoseconds(counters.totalProtectTime.load(ordering: .relaxed)),
      worst: .wholeNanoseconds(counters.worstProtectTime.load(ordering: .relaxed)))
    faultServiceTime = counters.serviceTime.read()
  }
}

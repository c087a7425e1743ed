internal import Synchronization

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
      preservedPages: state.value.storeLimit.keptPages.load(ordering: .relaxed),
      residentViewPages: state.value.storeLimit.residentViewPages.load(ordering: .relaxed),
      poolBytes: isInForkedChild ? 0 : state.value.store.value.populatedBytes)
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

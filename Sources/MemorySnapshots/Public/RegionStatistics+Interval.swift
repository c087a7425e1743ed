extension RegionStatistics {
  /// What the region has done since an earlier reading.
  ///
  /// Counts and total times are the differences; what is a state (`snapshotsLive`, `preservedBytes`,
  /// `residentViewBytes`, `poolBytes`, `hotPages`, `protectTime.last`) stays as it is. The most and the worst
  /// (`mostPreservedBytes`, `protectTime.worst`) stay those of the region's whole life: those of an interval
  /// are not known.
  ///
  /// - Parameter earlier: Statistics of the same region, read before. Those of another region, or read
  ///   later, give differences that mean nothing.
  public func since(_ earlier: RegionStatistics) -> RegionStatistics {
    var interval = self
    let counts: [WritableKeyPath<RegionStatistics, Int>] = [
      \.snapshotsTaken, \.snapshotsInvalidated, \.writeFaults, \.duplicateMessages, \.parkedFaults,
      \.pagesCopied.byFaults, \.pagesCopied.ahead, \.pagesCopied.whileHot, \.pagesCopied.byIntent,
      \.pagesCopied.byViews, \.pagesCopied.byRestores, \.pagesAhead.used, \.pagesAhead.wasted,
      \.zeroPages,
    ]
    for count in counts { interval[keyPath: count] &-= earlier[keyPath: count] }
    interval.protectTime.total -= earlier.protectTime.total
    interval.faultServiceTime = faultServiceTime.since(earlier.faultServiceTime)
    return interval
  }
}

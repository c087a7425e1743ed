/// Settles what page table entries leave open, when a mapping, or everything, has been read.
enum MappingResolution {
  /// Takes over the counts of the mapping that `space` has arrived at the end of.
  static func finish(_ space: AddressSpace, _ session: Session) {
    var current = space.current
    let needsStatistics =
      current.hasHugePages || current.doubtfulSwap > 0
      || current.hasMergedPages && session.flags == nil
    if needsStatistics {
      let mapping = space.mappings[space.currentIndex]
      if mapping.isWhole, let statistics = space.statistics(ofMappingAt: mapping.range.lowerBound) {
        settle(&current, mapping, statistics, &space.quality)
        if current.doubtfulSwap > 0 { settleSwap(&current, statistics, space) }
      } else {
        space.quality.sharing = .estimate
        if current.doubtfulSwap > 0 { space.quality.swapped = .estimate }
      }
    }
    add(current.counts, to: space, mappingIndex: space.currentIndex)
  }

  private static func settle(
    _ current: inout MappingCount, _ mapping: Mapping, _ statistics: MappingStatistics,
    _ quality: inout CountQuality
  ) {
    let pageSize = Kernel.pageSize
    let sharedState: PageState =
      mapping.kind == .privateWritable ? .sharedAnonymous : .sharedReadOnly
    if current.hasHugePages {
      let isAnyProtected =
        current.counts[.private, protected: true] + current.counts[sharedState, protected: true] > 0
      let pages = current.counts[.private] + current.counts[sharedState]
      if isAnyProtected {
        quality.sharing = .estimate
      } else {
        let shared = min(statistics.shared / pageSize, pages)
        current.counts[sharedState, protected: false] = shared
        current.counts[.private, protected: false] = pages - shared
      }
    }
    if current.hasMergedPages {
      let merged = min(statistics.merged / pageSize, current.counts[sharedState, protected: false])
      current.counts[sharedState, protected: false] -= merged
      current.counts[
        mapping.kind == .privateWritable ? .merged : .sharedReadOnly, protected: false] += merged
      quality.merged = .estimate
      quality.sharing = .estimate
    }
  }

  /// Leaves only those of the doubtful entries that smaps counts as pages in swap space.
  private static func settleSwap(
    _ current: inout MappingCount, _ statistics: MappingStatistics, _ space: AddressSpace
  ) {
    let shown = current.counts[.swapped]
    let certain = shown - current.doubtfulSwap
    let swapped = min(max(statistics.swapped / Kernel.pageSize, certain), shown)
    current.counts[.swapped, protected: true] = 0
    current.counts[.swapped, protected: false] = swapped
    space.settledSwap += swapped - certain
  }

  /// Counts the pages of the huge pages that were set aside: shared if somebody else maps them, here
  /// or, by /proc/kpagecount, anywhere.
  static func resolveHugeBlocks(_ session: Session) {
    let pages = Kernel.pagesPerHugePage
    let mapCounts = UnsafeMutableBufferPointer<UInt64>.allocate(capacity: pages)
    defer { unsafe mapCounts.deallocate() }
    for block in session.hugeBlocks {
      let frames = block.firstFrame..<block.firstFrame + UInt64(pages)
      let needsCounts = frames.contains { session.frames.references(to: $0) < 2 }
      unsafe mapCounts.update(repeating: 1)
      if needsCounts, !isUnshared(block) {
        if let file = session.mapCounts {
          unsafe file.read(from: block.firstFrame, into: mapCounts)
        } else {
          block.space.quality.sharing = .estimate
        }
      }
      var counts = PageCounts()
      for (index, frame) in frames.enumerated() {
        let isShared = unsafe session.frames.references(to: frame) > 1 || mapCounts[index] > 1
        let state: PageState =
          !isShared ? .private : block.isWritable ? .sharedAnonymous : .sharedReadOnly
        if state == .sharedAnonymous { session.frames.markShared(frame) }
        counts.add(state, isProtected: block.isProtected)
        block.space.cells?.add(
          state, isProtected: block.isProtected,
          at: block.address + UInt64(index) * Kernel.pageSize)
      }
      add(counts, to: block.space, mappingIndex: block.mappingIndex)
    }
  }

  /// Whether smaps knows that nobody else maps any page of the block's mapping, which it tells for
  /// less than /proc/kpagecount does.
  private static func isUnshared(_ block: HugeBlock) -> Bool {
    guard let statistics = block.space.statistics(ofMappingAt: block.mappingStart) else {
      return false
    }
    return statistics.shared == 0 && statistics.private > 0
  }

  private static func add(_ counts: PageCounts, to space: AddressSpace, mappingIndex: Int) {
    space.counts.add(counts)
    if !space.countsByMapping.isEmpty { space.countsByMapping[mappingIndex].add(counts) }
  }
}

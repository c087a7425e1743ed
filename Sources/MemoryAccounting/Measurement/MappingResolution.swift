/// Settles what page table entries leave open, when a mapping, or everything, has been read.
enum MappingResolution {
  /// Takes over the counts of the mapping that `space` has arrived at the end of.
  static func finish(_ space: AddressSpace, _ session: Session) {
    var current = space.current
    let mapping = space.mappings[space.currentIndex]
    let exclusive = ExclusivePages(
      private: current.counts[.private], merged: current.counts.uniqueMerged,
      files: current.exclusiveFiles,
      copyOnWrite: current.counts[.private, protected: true] + current.exclusiveCopyOnWrite)
    space.exclusive.add(exclusive, sign: 1)
    if current.isHugetlb { space.exclusiveHugetlbPages += exclusive.all }
    settleHugeFilePages(&current, mapping, space, session)
    let needsStatistics =
      current.hasHugePages || current.doubtfulSwap > 0
      || current.hasMergedPages && session.flags == nil
    if needsStatistics, !postpone(&current, mapping, space, session) {
      if mapping.isWhole, let statistics = space.statistics(ofMappingAt: mapping.start) {
        settle(&current, mapping, statistics, space)
        if current.doubtfulSwap > 0 { settleSwap(&current, statistics, space) }
      } else {
        space.quality.sharing = .estimate
        space.doubtfulPrivate += current.counts[.private]
        if current.doubtfulSwap > 0 { space.quality.swapped = .estimate }
      }
    }
    if mapping.kind == .privateWritable { space.swapReferences += current.counts[.swapped] }
    countSwappedSharedMemory(&current, mapping, space, session)
    let filePages = current.counts[.shared] + current.counts[.unwrittenFile]
    if filePages > 0, session.isSharedMemory(mapping) {
      current.counts.sharedMemory = filePages
      current.counts.uniqueSharedMemory = current.counts.otherUnique
    }
    if current.isHugetlb {
      current.counts.hugetlb = current.counts.present
      current.counts.hugetlbPrivate = current.counts[.private]
      current.counts.otherUnique = 0
    }
    add(current.counts, to: space, mappingIndex: space.currentIndex)
  }

  private static func settle(
    _ current: inout MappingCount, _ mapping: Mapping, _ statistics: MappingStatistics,
    _ space: AddressSpace
  ) {
    let pageSize = Kernel.pageSize
    let sharedState = sharedState(of: mapping)
    if current.hasHugePages {
      let isAnyProtected =
        current.counts[.private, protected: true] + current.counts[sharedState, protected: true] > 0
      let pages = current.counts[.private] + current.counts[sharedState]
      if isAnyProtected {
        space.quality.sharing = .estimate
        space.doubtfulPrivate += current.counts[.private]
      } else {
        let shared = min(statistics.shared / pageSize, pages)
        current.counts[sharedState, protected: false] = shared
        current.counts[.private, protected: false] = pages - shared
      }
    }
    if current.hasMergedPages {
      let mergeable = current.counts[sharedState, protected: false]
      let merged = min(statistics.merged / pageSize, mergeable)
      current.counts[sharedState, protected: false] -= merged
      current.counts[
        mapping.kind == .privateWritable ? .merged : .sharedReadOnly, protected: false] += merged
      space.mergeablePages += mergeable
      space.mergedPages += merged
      // A merged page whose equals have gone looks like a private one.
      space.doubtfulPrivate += min(statistics.merged / pageSize, current.counts[.private])
      space.quality.merged = .estimate
      space.quality.sharing = .estimate
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

  /// Of pages of files in huge pages the page table tells only of the first one whether somebody else
  /// maps it; smaps knows of each.
  private static func settleHugeFilePages(
    _ current: inout MappingCount, _ mapping: Mapping, _ space: AddressSpace, _ session: Session
  ) {
    let pages = current.counts[.unwrittenFile] + current.counts[.shared]
    guard session.system.hasHugeFilePages, !current.isHugetlb,
      pages >= UInt64(Kernel.pagesPerHugePage)
    else { return }
    var isHuge = !session.system.canScan
    try? space.scan(mapping.range, for: .huge, isFirstOnly: true) { _ in isHuge = true }
    guard isHuge else { return }
    guard mapping.isWhole, let statistics = space.statistics(ofMappingAt: mapping.start) else {
      space.quality.unique = .estimate
      return
    }
    let unique = (statistics.private) / Kernel.pageSize
    current.counts.otherUnique = unique - min(unique, current.counts[.private])
  }

  /// Pages of shared memory leave no trace in the page table when they are swapped out; smaps counts
  /// them.
  private static func countSwappedSharedMemory(
    _ current: inout MappingCount, _ mapping: Mapping, _ space: AddressSpace, _ session: Session
  ) {
    let system = session.system
    guard system.swap.isUsed, session.isSharedMemory(mapping) else { return }
    guard mapping.isWhole, let statistics = space.statistics(ofMappingAt: mapping.start) else {
      space.quality.swapped = .estimate
      return
    }
    let swapped = statistics.swapped / Kernel.pageSize
    let pages = swapped - min(swapped, current.counts[.swapped])
    if pages == 0 { return }
    current.counts[.swapped, protected: false] += pages
    current.counts.swappedShared = pages
    session.swappedFiles.add(pages, of: mapping)
    session.hierarchy.see(swapped: pages, of: mapping, in: space)
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
          block.space.doubtfulPrivate += UInt64(pages)
        }
      }
      var counts = PageCounts()
      for (index, frame) in frames.enumerated() {
        let isShared = unsafe session.frames.references(to: frame) > 1 || mapCounts[index] > 1
        let state: PageState =
          !isShared ? .private : block.isWritable ? .sharedAnonymous : .sharedReadOnly
        var marks: FrameTable.Marks = isShared ? .shared : []
        if state == .sharedAnonymous || block.isProtected { marks.insert(.copyOnWrite) }
        if block.isHugetlb { marks.insert(.pooled) }
        session.frames.see(frame, marks, in: block.space.number)
        if isShared {
          if let shares = session.shares, !block.isHugetlb {
            block.space.shares += shares.share(of: frame)
          }
        } else {
          block.space.exclusiveInHugePages += 1
          if block.isHugetlb { block.space.exclusiveHugetlbPages += 1 }
        }
        counts.add(state, isProtected: block.isProtected)
        block.space.cells?.add(
          state, isProtected: block.isProtected,
          at: block.address + UInt64(index) * Kernel.pageSize)
      }
      if block.isHugetlb {
        counts.hugetlb = counts.present
        counts.hugetlbPrivate = counts[.private]
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

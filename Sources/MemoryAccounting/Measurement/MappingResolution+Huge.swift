extension MappingResolution {
  /// Takes the huge pages of a mapping for private for now, if nothing else of it is in doubt.
  static func postpone(
    _ current: inout MappingCount, _ mapping: Mapping, _ space: AddressSpace, _ session: Session
  ) -> Bool {
    guard current.hasHugePages, !current.hasMergedPages, current.doubtfulSwap == 0,
      mapping.isWhole, session.options.addresses == nil
    else { return false }
    let sharedState = sharedState(of: mapping)
    let protected =
      current.counts[.private, protected: true] + current.counts[sharedState, protected: true]
    if protected > 0 { return false }
    let pages = current.counts[.private] + current.counts[sharedState]
    current.counts[.private, protected: false] = pages
    current.counts[sharedState, protected: false] = 0
    space.unsettledHugePages.append(
      UnsettledHugePages(mappingIndex: space.currentIndex, mapping: mapping, pages: pages))
    return true
  }

  /// Settles which of the postponed huge pages are private: mostly all of them, which smaps_rollup says
  /// with one number; else smaps tells of each mapping, for a price that grows with their number.
  static func settlePostponed(of space: AddressSpace) {
    if space.unsettledHugePages.isEmpty { return }
    if let sums = space.statisticsOfAll(), sums.private == space.counts.unique * Kernel.pageSize {
      return
    }
    for huge in space.unsettledHugePages {
      guard let statistics = space.statistics(ofMappingAt: huge.mapping.start) else {
        space.quality.sharing = .estimate
        space.doubtfulPrivate += huge.pages
        continue
      }
      let shared = min(statistics.shared / Kernel.pageSize, huge.pages)
      move(shared, to: sharedState(of: huge.mapping), in: &space.counts)
      if !space.countsByMapping.isEmpty {
        move(
          shared, to: sharedState(of: huge.mapping),
          in: &space.countsByMapping[huge.mappingIndex])
      }
    }
  }

  static func sharedState(of mapping: Mapping) -> PageState {
    mapping.kind == .privateWritable ? .sharedAnonymous : .sharedReadOnly
  }

  private static func move(_ pages: UInt64, to state: PageState, in counts: inout PageCounts) {
    let moved = min(pages, counts[.private, protected: false])
    counts[.private, protected: false] -= moved
    counts[state, protected: false] += moved
  }
}

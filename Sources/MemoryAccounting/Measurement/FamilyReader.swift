/// Reads the address spaces of one family (one image, forked) side by side: the same stretch of
/// addresses of each, one after the other, so that what they have at an address can be compared and
/// is read close together in time.
@safe
final class FamilyReader {
  private let session: Session
  private let spaces: [AddressSpace]
  private let windowPages: Int
  /// One window of entries for each space.
  private let buffer: UnsafeMutableBufferPointer<UInt64>
  private var comparison: FamilyComparison

  /// 64 KiB of entries are read at a time: more makes a target wait longer, less costs more calls.
  private static let pagesPerRead = 8192
  /// All windows together hold at most 16 MiB of entries.
  private static let entriesAtOnce = 1 << 21

  init(_ spaces: [AddressSpace], session: Session) {
    self.spaces = spaces
    self.session = session
    let block = Kernel.pagesPerHugePage
    let pages = min(Self.pagesPerRead, Self.entriesAtOnce / max(spaces.count, 1))
    windowPages = max(pages / block, 1) * block
    unsafe buffer = .allocate(capacity: windowPages * spaces.count)
    unsafe buffer.initialize(repeating: 0)
    let seesFrames = session.system.showsFrames
    let groups = session.hierarchy.groups
    comparison = FamilyComparison(
      spaces, windowPages: windowPages, seesFrames: seesFrames,
      plan: FamilyPlan(spaces.map { groups.home(of: $0.number) }, groups.tree),
      writers: session.writers)
  }

  deinit { unsafe buffer.deallocate() }

  /// Counts every page of every space; adds to the session's totals.
  func read() {
    let windowBytes = UInt64(windowPages) * Kernel.pageSize
    let alignment = Kernel.pageSize * UInt64(Kernel.pagesPerHugePage)
    for range in WindowPlan.ranges(of: spaces) {
      var start = range.lowerBound
      while start < range.upperBound {
        let end = min(start + windowBytes, range.upperBound)
        readWindow(start..<end, of: range)
        let next = spaces.reduce(UInt64.max) { min($0, $1.nextPopulated) }
        start = max(end, min(next, range.upperBound) / alignment * alignment)
      }
    }
    for space in spaces {
      finishMappings(of: space, before: .max)
      MappingResolution.settlePostponed(of: space)
    }
    session.differing += comparison.differing
    if !session.system.showsFrames { addEstimates() }
  }

  /// Gives each group its part of what there seems to be, and the groups around it no more than that.
  private func addEstimates() {
    let hierarchy = session.hierarchy
    for (part, estimate) in zip(comparison.plan.parts, estimates()) {
      hierarchy.add(estimate, to: part.group)
      if let around = part.around {
        hierarchy.subtract(estimate, from: around)
      } else {
        session.estimate += estimate
      }
    }
    // Below the group that all processes of an address space are in, it counts for itself.
    for space in spaces where space.leaves.count > 1 {
      let own = estimate(of: space)
      hierarchy.groups.tree.spread(space.leaves) { group, sign in
        if sign > 0 { hierarchy.add(own, to: group) } else { hierarchy.subtract(own, from: group) }
      }
      hierarchy.subtract(own, from: hierarchy.groups.home(of: space.number))
    }
  }

  /// What each part of the family seems to have.
  private func estimates() -> [PageEstimate] {
    var doubts: [(settledSwap: UInt64, merged: UInt64, mergeable: UInt64)] = []
    return comparison.plan.parts.enumerated().map { number, part in
      var doubt = part.parts.map { doubts[$0] }.reduce((0, 0, 0)) { sum, inner in
        (sum.0 + inner.settledSwap, sum.1 + inner.merged, sum.2 + inner.mergeable)
      }
      for space in part.spaces.map({ spaces[$0] }) {
        doubt.0 += space.settledSwap
        doubt.1 += space.mergedPages
        doubt.2 += space.mergeablePages
      }
      doubts.append((doubt.0, doubt.1, doubt.2))
      if part.count == 1 { return estimate(of: spaces[part.spaces[0]]) }
      let found = comparison.estimates[number]
      var pages = found.pages
      pages.swapped += doubt.0
      pages.addMergeable(addresses: found.mergeableAddresses, merged: doubt.1, of: doubt.2)
      return pages
    }
  }

  /// What one space has: every page of its own to itself, or shared with others.
  private func estimate(of space: AddressSpace) -> PageEstimate {
    let counts = space.counts
    let readOnly = counts[.sharedReadOnly]
    let shared = counts[.sharedAnonymous] + counts[.merged] + readOnly
    let mergeable = min(space.mergeablePages, shared)
    var pages = PageEstimate()
    pages.private = counts[.private]
    pages.shared = shared - mergeable
    pages.copyOnWrite = shared - min(shared, mergeable + readOnly)
    pages.swapped = counts[.swapped] - counts.swappedShared
    pages.addMergeable(addresses: mergeable, merged: space.mergedPages, of: space.mergeablePages)
    return pages
  }

  private func readWindow(_ window: Range<UInt64>, of range: Range<UInt64>) {
    let pages = Int((window.upperBound - window.lowerBound) / Kernel.pageSize)
    var populated = 0
    for (index, space) in spaces.enumerated() {
      let slot = index * windowPages
      let entries = unsafe UnsafeMutableBufferPointer(
        rebasing: buffer[slot..<slot + pages])
      if unsafe fill(entries, of: space, window, upTo: range.upperBound) {
        populated += 1
      } else {
        unsafe entries.update(repeating: 0)
      }
    }
    guard populated > 0, spaces.count > 1 else { return }
    unsafe comparison.compare(
      UnsafeBufferPointer(buffer), stride: windowPages, pages: pages, at: window.lowerBound)
  }

  /// Reads and counts a window of one space; false if nothing of it is populated.
  private func fill(
    _ entries: UnsafeMutableBufferPointer<UInt64>, of space: AddressSpace,
    _ window: Range<UInt64>, upTo end: UInt64
  ) -> Bool {
    finishMappings(of: space, before: window.lowerBound)
    guard space.currentIndex < space.mappings.count, !space.isGone else {
      space.nextPopulated = .max
      return false
    }
    let first = space.mappings[space.currentIndex].range.lowerBound
    if first >= window.upperBound { space.nextPopulated = first }
    if space.nextPopulated >= window.upperBound { return false }
    if skipHugePages(of: space, window) { return false }
    unsafe space.read(from: window.lowerBound, into: entries)
    space.nextPopulated = 0
    let populated = PagemapEntry.present | PagemapEntry.swapped
    guard unsafe entries.contains(where: { $0 & populated != 0 }) else {
      skipHole(of: space, window.upperBound..<max(end, window.upperBound))
      return false
    }
    unsafe countMappings(of: space, entries, window)
    return true
  }

  /// Counts each mapping's part of the window, and clears what belongs to none.
  private func countMappings(
    of space: AddressSpace, _ entries: UnsafeMutableBufferPointer<UInt64>, _ window: Range<UInt64>
  ) {
    var cleared = 0
    while space.currentIndex < space.mappings.count {
      let mapping = space.mappings[space.currentIndex]
      guard mapping.range.lowerBound < window.upperBound else { break }
      let part = mapping.range.clamped(to: window)
      let start = Int((part.lowerBound - window.lowerBound) / Kernel.pageSize)
      let end = Int((part.upperBound - window.lowerBound) / Kernel.pageSize)
      unsafe entries[cleared..<start].update(repeating: 0)
      cleared = end
      var classifier = PageClassifier(
        session, space, mapping, isCompared: spaces.count > 1)
      unsafe classifier.count(
        UnsafeMutableBufferPointer(rebasing: entries[start..<end]), from: part.lowerBound)
      classifier.store()
      if let origin = space.origin {
        unsafe markUnrelated(
          UnsafeMutableBufferPointer(rebasing: entries[start..<end]), part, mapping, of: space,
          to: origin)
      }
      guard mapping.range.upperBound <= window.upperBound else { break }
      finishMapping(of: space)
    }
    unsafe entries[cleared...].update(repeating: 0)
  }

  /// Marks the pages of `mapping` in `part` at whose addresses `origin` maps something else: one of the
  /// two has mapped anew since the fork, and their pages are not to be compared.
  private func markUnrelated(
    _ entries: UnsafeMutableBufferPointer<UInt64>, _ part: Range<UInt64>, _ mapping: Mapping,
    of space: AddressSpace, to origin: AddressSpace
  ) {
    while space.originIndex < origin.mappings.count,
      origin.mappings[space.originIndex].range.upperBound <= part.lowerBound
    {
      space.originIndex += 1
    }
    for other in origin.mappings[space.originIndex...] {
      if other.range.lowerBound >= part.upperBound { return }
      if mapping.hasSameBacking(as: other) { continue }
      let common = other.range.clamped(to: part)
      let start = Int((common.lowerBound - part.lowerBound) / Kernel.pageSize)
      let end = Int((common.upperBound - part.lowerBound) / Kernel.pageSize)
      for index in start..<end where unsafe entries[index] != 0 {
        unsafe entries[index] |= PagemapEntry.unrelated
      }
    }
  }

  /// Without frame numbers smaps decides whether huge pages are shared, because the page table does not
  /// tell: where no relative is compared with, they need only be counted, which the kernel does a
  /// hundred times faster than it writes 512 entries for each.
  private func skipHugePages(of space: AddressSpace, _ window: Range<UInt64>) -> Bool {
    let mapping = space.mappings[space.currentIndex]
    let system = session.system
    guard spaces.count == 1, !system.showsFrames, system.hasHugePages, system.canScan,
      space.cells == nil, mapping.isWhole, mapping.isAnonymous, mapping.kind != .shared,
      mapping.range.contains(window.lowerBound)
    else { return false }
    let end = space.endOfHugePages(window.lowerBound..<mapping.range.upperBound)
    guard end >= window.upperBound else { return false }
    let pages = (end - window.lowerBound) / Kernel.pageSize
    space.current.counts[.private, protected: false] += pages
    space.current.hasHugePages = true
    space.nextPopulated = end
    return true
  }

  /// Page tables of address space that was only reserved are empty: the kernel finds their end much
  /// faster than it fills buffers with nothing.
  private func skipHole(of space: AddressSpace, _ rest: Range<UInt64>) {
    guard session.system.canScan, !rest.isEmpty else { return }
    var next = rest.upperBound
    let found: ()? = try? space.scan(rest, for: [.present, .swapped], isFirstOnly: true) {
      next = $0.lowerBound
    }
    if found != nil { space.nextPopulated = next }
  }

  private func finishMappings(of space: AddressSpace, before address: UInt64) {
    while space.currentIndex < space.mappings.count,
      space.mappings[space.currentIndex].range.upperBound <= address
    {
      finishMapping(of: space)
    }
  }

  private func finishMapping(of space: AddressSpace) {
    MappingResolution.finish(space, session)
    space.currentIndex += 1
    space.current = MappingCount()
  }
}

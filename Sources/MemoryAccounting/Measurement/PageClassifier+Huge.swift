internal import SystemPackage

/// A huge page whose sharing is found out when every process has been read.
struct HugeBlock {
  let space: AddressSpace
  let mappingIndex: Int
  let mappingStart: UInt64
  let isWritable: Bool
  let isProtected: Bool
  let isHugetlb: Bool
  let firstFrame: UInt64
  let address: UInt64
}

extension PageClassifier {
  /// Counts a stretch of the size of a huge page if it is mapped as one; false if it is not.
  ///
  /// For these the kernel (6.15 to 6.18) sets the exclusive bit of every page by looking at the
  /// first one only: with frames, who else maps each page is counted; without, smaps is asked.
  mutating func countHugePage(
    _ entries: UnsafeMutableBufferPointer<UInt64>, at address: UInt64
  ) -> Bool {
    guard let first = unsafe entries.first, let last = unsafe entries.last,
      first & PagemapEntry.present != 0, first & (PagemapEntry.file | PagemapEntry.zero) == 0
    else { return false }
    let step: UInt64 = session.system.showsFrames ? 1 : 0
    guard last &- first == step &* UInt64(entries.count - 1) else { return false }
    for index in entries.indices {
      guard unsafe entries[index] == first &+ step &* UInt64(index) else { return false }
    }
    let entry = PagemapEntry(rawValue: first)
    return session.system.showsFrames
      ? countHugeFrames(entry, entries.count, at: address)
      : unsafe countHugeFlags(entry, entries, at: address)
  }

  private mutating func countHugeFrames(
    _ first: PagemapEntry, _ pages: Int, at address: UInt64
  ) -> Bool {
    let frame = first.frame
    guard frame % UInt64(pages) == 0, frame != session.system.hugeZeroFrame else { return false }
    let isWritable = mapping.kind == .privateWritable
    for page in frame..<frame + UInt64(pages) {
      session.frames.add(page, isWritable ? [] : .alwaysCopied, in: space.number)
    }
    session.hugeBlocks.append(
      HugeBlock(
        space: space, mappingIndex: space.currentIndex,
        mappingStart: mapping.start, isWritable: isWritable,
        isProtected: first.has(PagemapEntry.userfaultProtected), isHugetlb: current.isHugetlb,
        firstFrame: frame, address: address))
    return true
  }

  private mutating func countHugeFlags(
    _ first: PagemapEntry, _ entries: UnsafeMutableBufferPointer<UInt64>, at address: UInt64
  ) -> Bool {
    // Of an explicit huge page, which is mapped whole or not at all, the exclusive bit is right.
    guard session.system.hasHugePages, session.system.canScan, !current.isHugetlb else {
      return false
    }
    if address >= current.hugeEnd { findHugeEnd(address) }
    guard address < current.hugeEnd else { return false }
    let isProtected = first.has(PagemapEntry.userfaultProtected)
    let state: PageState =
      first.has(PagemapEntry.exclusive)
      ? .private : mapping.kind == .privateWritable ? .sharedAnonymous : .sharedReadOnly
    current.counts[state, protected: isProtected] += UInt64(entries.count)
    current.hasHugePages = true
    if isCompared {
      var marks = PagemapEntry.sharingUnknown
      if mapping.kind != .privateWritable { marks |= PagemapEntry.readOnly }
      // The kernel's own bit there is of no use.
      let others = ~PagemapEntry.readOnly
      for index in entries.indices { unsafe entries[index] = entries[index] & others | marks }
    }
    if let cells = space.cells {
      for index in entries.indices {
        cells.add(state, isProtected: isProtected, at: address + UInt64(index) * Kernel.pageSize)
      }
    }
    return true
  }

  /// Finds out how far memory is mapped with huge pages from `address` on. One page is asked about
  /// first: what is mapped huge is so from end to end, and looking at small pages takes time.
  private mutating func findHugeEnd(_ address: UInt64) {
    let end = mapping.range.upperBound
    var isHuge = false
    try? space.scan(address..<address + Kernel.pageSize, for: .huge, isFirstOnly: true) { _ in
      isHuge = true
    }
    guard isHuge else { return }
    let reach = min(end, address + Self.hugeReach)
    var known = address
    try? space.scan(address..<reach, for: .huge) { run in
      if run.lowerBound == known { known = run.upperBound }
    }
    current.hugeEnd = known
  }

  /// How far ahead huge pages are looked for: a window of 8192 small pages.
  private static let hugeReach = Kernel.pageSize * 8192

  /// Marks the pages, shared ones by their looks, of a mapping that has merged pages.
  func markMergeablePages(_ entries: UnsafeMutableBufferPointer<UInt64>) {
    let present = PagemapEntry.present
    let decisive = present | PagemapEntry.exclusive | PagemapEntry.file | PagemapEntry.zero
    for index in entries.indices where unsafe entries[index] & decisive == present {
      unsafe entries[index] |= PagemapEntry.mayBeMerged
    }
  }

  /// Marks the entries that are zero pages, which look like pages shared since a fork otherwise (or,
  /// where the huge zero page is mapped, like a file's page in anonymous memory).
  mutating func markZeroPages(
    _ entries: UnsafeMutableBufferPointer<UInt64>, from address: UInt64
  ) {
    let present = PagemapEntry.present
    let decisive =
      mapping.isAnonymous
      ? present | PagemapEntry.exclusive
      : present | PagemapEntry.exclusive | PagemapEntry.file
    guard let first = unsafe entries.firstIndex(where: { $0 & decisive == present }),
      let last = unsafe entries.lastIndex(where: { $0 & decisive == present })
    else { return }
    let pageSize = Kernel.pageSize
    let start = address + UInt64(first) * pageSize
    let end = address + UInt64(last + 1) * pageSize
    do throws(Errno) {
      try space.scan(start..<end, for: .zero) { zeros in
        let run = Int((zeros.lowerBound - address) / pageSize)
        for index in run..<Int((zeros.upperBound - address) / pageSize) {
          unsafe entries[index] |= PagemapEntry.zero
        }
      }
    } catch {
      space.quality.zero = .estimate
    }
  }
}

/// Compares what the address spaces of one family have at the same addresses: which pages are not the
/// same any more, or never were.
struct FamilyComparison {
  private(set) var differing: UInt64 = 0
  /// Without frame numbers, what there seems to be in each part of the family that has several spaces.
  private(set) var estimates: [PartEstimate]
  let plan: FamilyPlan

  /// What some of the spaces seem to have.
  struct PartEstimate {
    var pages = PageEstimate()
    /// Addresses at which all shared pages may have been merged.
    var mergeableAddresses: UInt64 = 0
  }

  private let spaces: [AddressSpace]
  /// For each space the index of the one it was forked from.
  private let origins: [Int?]
  private let seesFrames: Bool
  private let writers: WriterSearch?
  /// For each page of the window the first frame found at it.
  private var first: [UInt64]
  /// Frames that are neither the first at their address nor certain to be the only one of theirs.
  private var others: [AddressedFrame] = []
  /// A tally for each address of the window, in each of the buffers that the plan needs.
  private var tallies: [AddressTally]
  private let windowPages: Int

  private struct AddressedFrame: Comparable, Equatable {
    let page: Int
    let identity: UInt64

    static func < (left: Self, right: Self) -> Bool {
      (left.page, left.identity) < (right.page, right.identity)
    }
  }

  /// What is known of one address without frame numbers.
  fileprivate struct AddressTally {
    var exclusive: UInt32 = 0
    var shared: UInt32 = 0
    /// Those of `shared` that cannot be written.
    var readOnly: UInt32 = 0
    /// Those of `shared` that may have been merged.
    var mergeable: UInt32 = 0
    var unknown: UInt32 = 0
    var hasFile = false
    var hasZero = false
    var swapped: UInt32 = 0
  }

  /// Compares `spaces`; without frames, estimates what each part of the family has, as well.
  init(
    _ spaces: [AddressSpace], windowPages: Int, seesFrames: Bool, plan: FamilyPlan,
    writers: WriterSearch?
  ) {
    self.spaces = spaces
    self.plan = plan
    self.windowPages = windowPages
    estimates = Array(repeating: PartEstimate(), count: seesFrames ? 0 : plan.parts.count)
    self.seesFrames = seesFrames
    self.writers = writers
    origins = spaces.map { space in
      space.origin.flatMap { origin in spaces.firstIndex { $0 === origin } }
    }
    // One space alone is compared with nothing.
    let pages = spaces.count > 1 ? windowPages : 0
    first = Array(repeating: 0, count: seesFrames ? pages : 0)
    tallies = Array(repeating: AddressTally(), count: seesFrames ? 0 : pages * plan.bufferCount)
  }

  /// Compares one window, which begins at `address`: `pages` entries for each space, `stride` apart.
  /// Entries that are 0 stand for nothing.
  mutating func compare(
    _ entries: UnsafeBufferPointer<UInt64>, stride: Int, pages: Int, at address: UInt64
  ) {
    for (index, origin) in origins.enumerated() {
      guard let origin else { continue }
      unsafe compareWithOrigin(
        spaces[index], at: address,
        UnsafeBufferPointer(rebasing: entries[index * stride..<index * stride + pages]),
        UnsafeBufferPointer(rebasing: entries[origin * stride..<origin * stride + pages]))
    }
    if seesFrames {
      unsafe countCopies(entries, stride, pages)
    } else {
      unsafe estimateCopies(entries, stride, pages)
    }
  }

  /// Pages that differ from the origin's at the same address of the same memory, and those that it has
  /// none for. File pages and zero pages that only this space has are not fresh: they are no memory of
  /// its own.
  private func compareWithOrigin(
    _ space: AddressSpace, at address: UInt64, _ own: UnsafeBufferPointer<UInt64>,
    _ origin: UnsafeBufferPointer<UInt64>
  ) {
    var differing: UInt64 = 0
    var fresh: UInt64 = 0
    for index in own.indices {
      let mine = unsafe own[index]
      if mine == 0 { continue }
      let theirs = unsafe origin[index]
      if theirs == 0 || mine & PagemapEntry.unrelated != 0 {
        if mine & (PagemapEntry.file | PagemapEntry.zero) == 0 { fresh += 1 }
      } else if seesFrames ? !sameFrame(mine, theirs) : !maybeSameFrame(mine, theirs) {
        differing += 1
        let found = writers?.compare(mine, theirs) ?? WriterCounts()
        space.writers.add(found)
        space.notePartedPage(at: address + UInt64(index) * Kernel.pageSize, found)
      }
    }
    space.differingPages += differing
    space.freshPages += fresh
  }

  @inline(__always)
  private func sameFrame(_ left: UInt64, _ right: UInt64) -> Bool {
    PagemapEntry(rawValue: left).identity == PagemapEntry(rawValue: right).identity
  }

  /// Without frames: pages of one kind that both are shared with somebody are taken to be one page.
  /// Of a huge page only one of the two sides may know that it is shared.
  private func maybeSameFrame(_ left: UInt64, _ right: UInt64) -> Bool {
    let kind =
      PagemapEntry.present | PagemapEntry.swapped | PagemapEntry.file | PagemapEntry.zero
    if left & kind != right & kind { return false }
    if left & (PagemapEntry.swapped | PagemapEntry.file | PagemapEntry.zero) != 0 { return true }
    let sharingKnown = { (entry: UInt64) in entry & PagemapEntry.sharingUnknown == 0 }
    return (left & PagemapEntry.exclusive == 0 || !sharingKnown(left))
      && (right & PagemapEntry.exclusive == 0 || !sharingKnown(right))
  }

  /// Adds up (distinct frames − 1) over the addresses.
  private mutating func countCopies(
    _ entries: UnsafeBufferPointer<UInt64>, _ stride: Int, _ pages: Int
  ) {
    let block = UInt64(Kernel.pagesPerHugePage)
    for index in 0..<pages { first[index] = 0 }
    for space in spaces.indices {
      for index in 0..<pages {
        let entry = unsafe entries[space * stride + index]
        if entry == 0 || entry & PagemapEntry.unrelated != 0 { continue }
        let identity = PagemapEntry(rawValue: entry).identity
        if first[index] == 0 {
          first[index] = identity
        } else if first[index] != identity {
          // Nobody else maps an exclusive page, so it need not be looked for among the others; only
          // for huge pages, placed like their address, is the exclusive bit not to be believed.
          let isHugePlace = entry & PagemapEntry.frameMask % block == UInt64(index) % block
          if entry & PagemapEntry.exclusive != 0, !isHugePlace {
            differing += 1
          } else {
            others.append(AddressedFrame(page: index, identity: identity))
          }
        }
      }
    }
    others.sort()
    for (index, frame) in others.enumerated() where index == 0 || others[index - 1] != frame {
      differing += 1
    }
    others.removeAll(keepingCapacity: true)
  }

  private mutating func estimateCopies(
    _ entries: UnsafeBufferPointer<UInt64>, _ stride: Int, _ pages: Int
  ) {
    for step in plan.steps {
      switch step {
      case .clear(let buffer):
        for index in range(buffer, pages) { tallies[index] = AddressTally() }
      case .add(let space, let buffer):
        let first = buffer * windowPages
        for index in 0..<pages {
          let entry = unsafe entries[space * stride + index]
          if entry != 0 { tallies[first + index].add(entry) }
        }
      case .merge(let other, let buffer):
        let distance = (other - buffer) * windowPages
        for index in range(buffer, pages) { tallies[index].add(tallies[index + distance]) }
      case .note(let part, let buffer):
        for index in range(buffer, pages) { estimates[part].add(tallies[index]) }
        if part < plan.parts.count - 1 { continue }
        for index in range(buffer, pages) { differing += tallies[index].differing }
      }
    }
  }

  private func range(_ buffer: Int, _ pages: Int) -> Range<Int> {
    buffer * windowPages..<buffer * windowPages + pages
  }
}

extension FamilyComparison.PartEstimate {
  fileprivate mutating func add(_ counts: FamilyComparison.AddressTally) {
    pages.private += UInt64(counts.certainlyExclusive)
    let shared = counts.seeminglyShared
    if shared > 0, counts.mergeable == counts.shared {
      mergeableAddresses += 1
    } else if shared > 0 {
      pages.shared += 1
      if shared > counts.readOnly { pages.copyOnWrite += 1 }
    }
    if counts.swapped > 0 { pages.swapped += 1 }
  }
}

extension FamilyComparison.AddressTally {
  /// A huge page whose own bit says exclusive is shared if a relative shares a page here.
  fileprivate var seeminglyShared: UInt32 { shared > 0 ? shared + unknown : 0 }
  fileprivate var certainlyExclusive: UInt32 { shared > 0 ? exclusive : exclusive + unknown }

  /// The number of different pages less one. Relatives whose page is in swap space are taken to share
  /// one slot.
  fileprivate var differing: UInt64 {
    var pages = UInt64(certainlyExclusive)
    if seeminglyShared > 0 { pages += 1 }
    if swapped > 0 { pages += 1 }
    if hasFile { pages += 1 }
    if hasZero { pages += 1 }
    return pages > 1 ? pages - 1 : 0
  }
}

extension FamilyComparison.AddressTally {
  fileprivate mutating func add(_ entry: UInt64) {
    if entry & PagemapEntry.zero != 0 {
      hasZero = true
    } else if entry & PagemapEntry.swapped != 0 {
      swapped += 1
    } else if entry & PagemapEntry.file != 0 {
      hasFile = true
    } else if entry & PagemapEntry.exclusive == 0 {
      shared += 1
      if entry & PagemapEntry.readOnly != 0 { readOnly += 1 }
      if entry & PagemapEntry.mayBeMerged != 0 { mergeable += 1 }
    } else if entry & PagemapEntry.sharingUnknown != 0 {
      unknown += 1
    } else {
      exclusive += 1
    }
  }

  fileprivate mutating func add(_ other: Self) {
    exclusive += other.exclusive
    shared += other.shared
    readOnly += other.readOnly
    mergeable += other.mergeable
    unknown += other.unknown
    hasFile = hasFile || other.hasFile
    hasZero = hasZero || other.hasZero
    swapped += other.swapped
  }
}

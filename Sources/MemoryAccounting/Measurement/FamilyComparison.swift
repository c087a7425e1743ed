/// Compares what the address spaces of one family have at the same addresses: which pages are not the
/// same any more, or never were.
struct FamilyComparison {
  private(set) var differing: UInt64 = 0
  /// What there seems to be in all spaces, without frame numbers, and in some of them each.
  private(set) var estimate = SubsetEstimate()
  private(set) var subsets: [SubsetEstimate]

  /// What some of the spaces seem to have.
  struct SubsetEstimate {
    /// The spaces, by index.
    var members: [Int] = []
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
  private var tally: [AddressTally]

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

  /// Compares `spaces`; without frames, estimates what each of `subsets` (indices) has, as well.
  init(
    _ spaces: [AddressSpace], windowPages: Int, seesFrames: Bool, subsets: [[Int]],
    writers: WriterSearch?
  ) {
    self.spaces = spaces
    estimate.members = Array(spaces.indices)
    self.subsets = subsets.map { SubsetEstimate(members: $0) }
    self.seesFrames = seesFrames
    self.writers = writers
    origins = spaces.map { space in
      space.origin.flatMap { origin in spaces.firstIndex { $0 === origin } }
    }
    first = Array(repeating: 0, count: seesFrames ? windowPages : 0)
    tally = Array(repeating: AddressTally(), count: seesFrames ? 0 : windowPages)
  }

  /// Compares one window: `pages` entries for each space, `stride` apart. Entries that are 0 stand
  /// for nothing.
  mutating func compare(
    _ entries: UnsafeBufferPointer<UInt64>, stride: Int, pages: Int
  ) {
    for (index, origin) in origins.enumerated() {
      guard let origin else { continue }
      unsafe compareWithOrigin(
        spaces[index],
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
    _ space: AddressSpace, _ own: UnsafeBufferPointer<UInt64>, _ origin: UnsafeBufferPointer<UInt64>
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
        writers?.compare(mine, theirs, of: space)
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
    unsafe countTallies(of: estimate.members, entries, stride, pages)
    for index in 0..<pages {
      estimate.add(tally[index])
      differing += tally[index].differing
    }
    for subset in subsets.indices {
      unsafe countTallies(of: subsets[subset].members, entries, stride, pages)
      for index in 0..<pages { subsets[subset].add(tally[index]) }
    }
  }

  private mutating func countTallies(
    of members: [Int], _ entries: UnsafeBufferPointer<UInt64>, _ stride: Int, _ pages: Int
  ) {
    for index in 0..<pages { tally[index] = AddressTally() }
    for space in members {
      for index in 0..<pages {
        let entry = unsafe entries[space * stride + index]
        if entry != 0 { tally[index].add(entry) }
      }
    }
  }
}

extension FamilyComparison.SubsetEstimate {
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
}

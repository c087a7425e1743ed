/// Pages counted by state, and apart from each other those that userfaultfd protects.
struct PageCounts {
  private var counts = InlineArray<16, UInt64>(repeating: 0)
  /// Of the resident pages those of explicit huge pages (hugetlb), which the kernel leaves out of the
  /// resident set.
  var hugetlb: UInt64 = 0
  /// Pages that are no `private` ones, but that no other mapping maps: of files, of shared memory,
  /// merged with none any more.
  var otherUnique: UInt64 = 0
  /// Of the `private` pages those of explicit huge pages.
  var hugetlbPrivate: UInt64 = 0
  /// Resident pages of shared memory, and those of them that no other mapping maps.
  var sharedMemory: UInt64 = 0
  var uniqueSharedMemory: UInt64 = 0
  /// Of the swapped pages those of shared memory.
  var swappedShared: UInt64 = 0

  subscript(state: PageState, protected isProtected: Bool) -> UInt64 {
    get { counts[state.rawValue << 1 | (isProtected ? 1 : 0)] }
    set { counts[state.rawValue << 1 | (isProtected ? 1 : 0)] = newValue }
  }

  /// All pages of a state, protected or not.
  subscript(state: PageState) -> UInt64 {
    self[state, protected: false] + self[state, protected: true]
  }

  @inline(__always)
  mutating func add(_ state: PageState, isProtected: Bool) {
    counts[state.rawValue << 1 | (isProtected ? 1 : 0)] &+= 1
  }

  mutating func add(_ other: PageCounts) {
    for index in counts.indices { counts[index] &+= other.counts[index] }
    hugetlb &+= other.hugetlb
    hugetlbPrivate &+= other.hugetlbPrivate
    otherUnique &+= other.otherUnique
    sharedMemory &+= other.sharedMemory
    uniqueSharedMemory &+= other.uniqueSharedMemory
    swappedShared &+= other.swappedShared
  }

  /// Pages that are copy-on-write for no other reason than userfaultfd's protection.
  var onlyProtected: UInt64 {
    self[.private, protected: true] + self[.shared, protected: true]
      + self[.sharedReadOnly, protected: true]
  }

  var copyOnWrite: UInt64 {
    self[.sharedAnonymous] + self[.unwrittenFile] + self[.zero] + self[.merged] + onlyProtected
  }

  /// All resident pages, those of explicit huge pages too.
  var present: UInt64 {
    PageState.allCases.reduce(0) { $1.isResident ? $0 + self[$1] : $0 }
  }

  var userfaultProtected: UInt64 {
    PageState.allCases.reduce(0) { $1 == .swapped ? $0 : $0 + self[$1, protected: true] }
  }

  /// Pages that nobody else maps.
  var unique: UInt64 { self[.private] - hugetlbPrivate + otherUnique }

  /// The counts as figures, known as well as `quality` says.
  func breakdown(_ quality: CountQuality) -> MemoryBreakdown {
    let figure = { (pages: UInt64, exactness: Exactness) in
      MemoryFigure(bytes: pages * Kernel.pageSize, exactness: exactness)
    }
    let sharing = max(quality.sharing, quality.zero)
    return MemoryBreakdown(
      resident: figure(
        present - hugetlb, max(quality.zero, quality.residence, quality.hugetlb)),
      hugetlb: figure(hugetlb, quality.hugetlb),
      unique: figure(unique, max(quality.unique, quality.sharing, quality.hugetlb)),
      copyOnWrite: figure(copyOnWrite, max(sharing, quality.residence)),
      sharedAnonymous: figure(self[.sharedAnonymous], max(sharing, quality.merged)),
      unwrittenFile: figure(self[.unwrittenFile], quality.residence),
      zero: figure(self[.zero], quality.zero),
      merged: figure(self[.merged], quality.merged),
      userfaultProtected: figure(userfaultProtected, quality.residence),
      private: figure(self[.private, protected: false], max(quality.sharing, quality.residence)),
      shared: figure(self[.shared, protected: false], quality.residence),
      sharedReadOnly: figure(
        self[.sharedReadOnly, protected: false], max(sharing, quality.residence)),
      swapped: figure(self[.swapped], quality.swapped),
      swappedShared: figure(swappedShared, quality.swapped))
  }
}

/// How well the counts of an address space are known.
struct CountQuality {
  /// Which anonymous pages are shared.
  var sharing = Exactness.exact
  /// Which other pages only this address space maps.
  var unique = Exactness.exact
  /// Which pages are the zero page.
  var zero = Exactness.exact
  /// Which pages were merged.
  var merged = Exactness.exact
  /// Which entries stand for a page in swap space, and which shared memory is there.
  var swapped = Exactness.exact
  /// Which pages are there at all.
  var residence = Exactness.exact
  /// Which pages are explicit huge pages.
  var hugetlb = Exactness.exact
}

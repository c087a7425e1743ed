internal import SystemPackage
internal import Synchronization

/// What the library knows about one page, in 8 bytes.
struct PageWord: Equatable {
  /// Who works on the page.
  enum Claim: UInt64 {
    case free = 0
    /// Being preserved: whoever holds it un-protects the page and wakes the threads that wait at that
    /// moment. One that begins to wait afterwards is woken by the thread that reads its fault's message.
    case resolving = 1
    /// Its versions are being unlinked: protection stays as it is.
    case locked = 2
  }

  /// The claim in bits 0 and 1, the newest version in bits 2 to 29, whether the page recurs in bit
  /// 30, the epoch above.
  let bits: UInt64

  static var maximumVersion: Int { (1 << 28) - 1 }
  static var maximumEpoch: UInt64 { 1 << 33 - 1 }

  @_noLocks
  init(bits: UInt64) { self.bits = bits }

  @_noLocks
  init(preserved: UInt64, recurs: Bool, newestVersion: UInt32, claim: Claim) {
    bits =
      preserved << 31 | (recurs ? 1 << 30 : 0) | UInt64(newestVersion) << 2 | claim.rawValue
  }

  /// The newest epoch for which the page needs no more preserving. The page is write-protected
  /// exactly when this is less than the region's epoch (within an armed slice).
  var preserved: UInt64 {
    @_noLocks get { bits >> 31 }
  }

  /// Whether the page had been preserved in the epoch before that, too: it is written to often.
  var recurs: Bool {
    @_noLocks get { bits & 1 << 30 != 0 }
  }

  /// The word of the page once it has been preserved in `epoch`.
  @_noLocks
  func preserved(in epoch: UInt64, newestVersion: UInt32) -> PageWord {
    PageWord(
      preserved: epoch, recurs: preserved > 0 && preserved + 1 == epoch,
      newestVersion: newestVersion, claim: .resolving)
  }

  /// The word of the page with another newest version.
  @_noLocks
  func with(newestVersion: UInt32) -> PageWord {
    PageWord(bits: bits & ~(UInt64(PageWord.maximumVersion) << 2) | UInt64(newestVersion) << 2)
  }

  /// The record of the newest version, 0 for none.
  var newestVersion: UInt32 {
    @_noLocks get { UInt32(truncatingIfNeeded: bits >> 2 & (1 << 28 - 1)) }
  }

  var claim: Claim {
    @_noLocks get {
      switch bits & 3 {
      case 0: .free
      case 1: .resolving
      default: .locked
      }
    }
  }

  var isFree: Bool {
    @_noLocks get { bits & 3 == Claim.free.rawValue }
  }

  @_noLocks
  func claimed(_ claim: Claim) -> PageWord { PageWord(bits: bits & ~3 | claim.rawValue) }
}

/// The words of all pages of a region, and above them the newest epoch of each group of pages:
/// what was written to since a snapshot is found by its size, not by the region's.
struct PageTable: ~Copyable, Sendable {
  static var pagesPerGroup: Int { 512 }
  static var groupsPerSupergroup: Int { 512 }

  let pageCount: Int
  private let memory: Mapping
  private let words: FixedArray<Word>
  private let groups: FixedArray<Word>
  private let supergroups: FixedArray<Word>

  init(pageCount: Int) throws(Errno) {
    let groupCount = pageCount / PageTable.pagesPerGroup + 1
    let supergroupCount = groupCount / PageTable.groupsPerSupergroup + 1
    self.pageCount = pageCount
    memory = try Mapping(anonymous: (pageCount + groupCount + supergroupCount) * 8)
    words = unsafe FixedArray(zeroed: memory.address, count: pageCount)
    groups = unsafe FixedArray(zeroed: memory.address + UInt(pageCount * 8), count: groupCount)
    supergroups = unsafe FixedArray(
      zeroed: memory.address + UInt((pageCount + groupCount) * 8), count: supergroupCount)
  }

  // MARK: - Words

  /// Acquiring: pairs with `publish`, so that whoever sees a version sees its content.
  @_noLocks
  func word(_ page: Int) -> PageWord {
    PageWord(bits: words[page].bits.load(ordering: .acquiring))
  }

  /// Takes the claim on a page whose word was `seen`. Acquiring: pairs with the `publish` of the
  /// claim's last holder.
  @_noLocks
  func claim(_ page: Int, seen: PageWord, _ claim: PageWord.Claim) -> Bool {
    words[page].bits.compareExchange(
      expected: seen.bits, desired: seen.claimed(claim).bits, ordering: .acquiringAndReleasing
    ).exchanged
  }

  /// Stores the word of a page whose claim the caller holds. Releasing: the version's record and
  /// content were written before.
  @_noLocks
  func store(_ page: Int, _ word: PageWord) {
    words[page].bits.store(word.bits, ordering: .releasing)
  }

  // MARK: - What was written since

  /// Records that a page was given `epoch`, before its word is published. Relaxed: a snapshot that
  /// is taken closes the gate first, which orders it; whoever asks what has changed since a snapshot
  /// is ordered after the writes that he knows of by the fault they took. Epochs only grow while the
  /// gate is passed, so a plain store never lowers one.
  @_noLocks
  func raiseGroup(of page: Int, to epoch: UInt64) {
    let group = page / PageTable.pagesPerGroup
    if groups[group].bits.load(ordering: .relaxed) != epoch {
      groups[group].bits.store(epoch, ordering: .relaxed)
    }
    let supergroup = group / PageTable.groupsPerSupergroup
    if supergroups[supergroup].bits.load(ordering: .relaxed) != epoch {
      supergroups[supergroup].bits.store(epoch, ordering: .relaxed)
    }
  }

  /// The first run of neighbouring pages in `range` that were preserved in `epoch` or later, at most
  /// `limit` long; `nil` if there is none.
  ///
  /// - Complexity: O(groups of 512 pages that hold such a page), and one load per 2¹⁸ pages.
  func nextRun(preservedSince epoch: UInt64, in range: Range<Int>, limit: Int) -> Range<Int>? {
    guard let start = nextPage(preservedSince: epoch, in: range) else { return nil }
    let end = min(range.upperBound, start + limit)
    var page = start + 1
    while page < end, word(page).preserved >= epoch { page += 1 }
    return start..<page
  }

  private func nextPage(preservedSince epoch: UInt64, in range: Range<Int>) -> Int? {
    let pagesPerSupergroup = PageTable.pagesPerGroup * PageTable.groupsPerSupergroup
    var page = range.lowerBound
    while page < range.upperBound {
      if supergroups[page / pagesPerSupergroup].bits.load(ordering: .relaxed) < epoch {
        page = (page / pagesPerSupergroup + 1) * pagesPerSupergroup
      } else if groups[page / PageTable.pagesPerGroup].bits.load(ordering: .relaxed) < epoch {
        page = (page / PageTable.pagesPerGroup + 1) * PageTable.pagesPerGroup
      } else {
        let groupEnd = (page / PageTable.pagesPerGroup + 1) * PageTable.pagesPerGroup
        let end = min(groupEnd, range.upperBound)
        while page < end {
          if word(page).preserved >= epoch { return page }
          page += 1
        }
      }
    }
    return nil
  }
}

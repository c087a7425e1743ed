internal import Synchronization

/// Reads the past without a lock, while writers run and other snapshots go.
///
/// The snapshot that is read must be in use (`SnapshotUsage`), so that the version found is not
/// freed; the links on the way to it may change at any time.
/// The region's state outlives every snapshot.
struct SnapshotReader: Sendable {
  let region: Reference<RegionState>
  let epoch: UInt64

  @_noLocks
  init(_ region: Reference<RegionState>, epoch: UInt64) {
    self.region = region
    self.epoch = epoch
  }

  /// Where a page of a snapshot is to be read.
  enum Source {
    /// The live page: it has not been written to since.
    case live
    /// Nowhere: the page was all zeros.
    case zero
    /// A pre-image at this address.
    case preimage(UInt)

    var isLive: Bool {
      if case .live = self { true } else { false }
    }
  }

  @_noLocks
  func locate(_ page: Int) -> Source {
    guard let location = version(of: page)?.location else { return .live }
    return source(at: location, page)
  }

  @_noLocks
  private func source(at location: VersionLocation, _ page: Int) -> Source {
    if let slot = location.slot {
      return .preimage(region.value.store.value.pages.address(of: slot))
    }
    guard let index = location.viewIndex else { return .zero }
    let offset = UInt(page * region.value.layout.pageSize)
    return .preimage(region.value.views.entry(index).value.address + offset)
  }

  /// The epoch of the page's last preserving before the snapshot; `nil` if the page has not been
  /// written to since the snapshot.
  func previousEpoch(ofPage page: Int) -> UInt64? { version(of: page)?.lower }

  /// True if the page was preserved for this snapshot on a guess, and reads the same in a later
  /// snapshot (`nil`: in the live region): nobody has written anything new to it.
  func wasOnlyGuessed(_ page: Int, until later: SnapshotReader?) -> Bool {
    version(of: page)?.isGuess == true && isSame(page, in: later)
  }

  /// What to write to the live page to roll it back; `.live` for nothing. A page that was preserved on
  /// a guess only is compared: it may not have been written to since.
  func contentToRestore(_ page: Int) -> Source {
    guard let version = version(of: page) else { return .live }
    let source = source(at: version.location, page)
    return version.isGuess && isSame(page, source, .live) ? .live : source
  }

  /// Fetches what `locate` will need for a page.
  func prefetch(_ page: Int) { region.value.versions.prefetch(page) }

  /// Whether the page reads the same in a later snapshot, or in the live region (`nil`).
  func isSame(_ page: Int, in later: SnapshotReader?) -> Bool {
    let before = later?.locate(page) ?? .live
    let isSame = isSame(page, locate(page), before)
    // The live page was compared, and the later snapshot has got a version of its own meanwhile.
    if let later, case .live = before, case let now = later.locate(page), !now.isLive {
      return self.isSame(page, locate(page), now)
    }
    return isSame
  }

  private func isSame(_ page: Int, _ one: Source, _ other: Source) -> Bool {
    let count = region.value.layout.pageSize
    let live = region.value.layout.address(ofPage: page)
    switch (one, other) {
    case (.live, .live), (.zero, .zero): return true
    case (.preimage(let one), .preimage(let two)): return Kernel.isEqual(one, two, count: count)
    case (.preimage(let one), .live), (.live, .preimage(let one)):
      return Kernel.isEqual(one, live, count: count)
    case (.preimage(let one), .zero), (.zero, .preimage(let one)):
      return Kernel.isZero(one, count: count)
    case (.zero, .live), (.live, .zero): return Kernel.isZero(live, count: count)
    }
  }

  /// Copies `count` bytes of the page, from `offset` on, as of the snapshot.
  @_noLocks
  func copy(_ page: Int, offset: Int, count: Int, to destination: UInt) {
    if copyPreimage(of: page, offset, count, to: destination) { return }
    let live = region.value.layout.address(ofPage: page)
    Kernel.copyBytes(from: live + UInt(offset), to: destination, count: count)
    copyIfPreserved(page, offset: offset, count: count, to: destination)
  }

  /// Copies the same over what was read in the live page, if that may hold a later write.
  @_noLocks
  func copyIfPreserved(_ page: Int, offset: Int, count: Int, to destination: UInt) {
    // The version of a page is published before the page is un-protected, and that happens before
    // the write: if the copy holds any of the write, the second look finds the version.
    atomicMemoryFence(ordering: .acquiring)
    _ = copyPreimage(of: page, offset, count, to: destination)
  }

  /// False if the live page still is what the snapshot saw.
  @_noLocks
  private func copyPreimage(
    of page: Int, _ offset: Int, _ count: Int, to destination: UInt
  ) -> Bool {
    switch locate(page) {
    case .live:
      return false
    case .zero:
      Kernel.zeroBytes(destination, count: count)
    case .preimage(let address):
      Kernel.copyBytes(from: address + UInt(offset), to: destination, count: count)
    }
    return true
  }

  /// The version that serves the snapshot; `nil` if the page has not been written to since.
  @_noLocks
  private func version(of page: Int) -> Version? {
    region.value.versions.find(page, asOf: epoch)
  }
}

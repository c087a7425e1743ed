internal import Glibc
internal import Synchronization

/// Answers the first read of a page of a view that is filled as it is read: copies pages, as of the
/// snapshot, into the view. Runs where `FaultResolver` runs, under the same rules.
struct MissingPageResolver {
  let region: Reference<RegionState>

  @_noLocks
  init(_ region: Reference<RegionState>) { self.region = region }

  /// How many pages one fault fills at the most: readers mostly go on to the next.
  static var pagesPerFault: Int {
    @_noLocks get { 64 }
  }

  /// - Parameter scratch: `pagesPerFault` pages of the caller's own.
  @_noLocks
  func resolve(_ address: UInt, scratch: UInt) {
    // The gate keeps the list of views as it is. Closed: whoever opens it wakes the reader.
    while !region.value.timeline.gate.enter() {
      if region.value.timeline.gate.park() { return }
    }
    fill(address, scratch: scratch, pageCount: MissingPageResolver.pagesPerFault)
    region.value.timeline.gate.leave()
  }

  /// Fills up to `pageCount` pages from the one at `address` on. The gate has been passed.
  @_noLocks
  func fill(_ address: UInt, scratch: UInt, pageCount: Int) {
    let byteCount = region.value.layout.byteCount
    if let index = region.value.views.openView(
      containing: address, byteCount: byteCount)
    {
      let view = region.value.views.entry(index)
      let start = view.value.address
      let page = Int((address - start) / UInt(region.value.layout.pageSize))
      let end = min(page + pageCount, region.value.layout.pageCount)
      fill(page..<end, of: view, scratch: scratch)
      return
    }
    // The view was closed while the message was under way: its reader must not wait for ever.
    wake(region.value.layout.pageStart(address))
  }

  @_noLocks
  private func fill(
    _ pages: Range<Int>, of view: Reference<ViewEntry>, scratch: UInt
  ) {
    let pageSize = region.value.layout.pageSize
    let reader = SnapshotReader(region, epoch: view.value.epoch)
    let pages = pages.lowerBound..<copy(pages, as: reader, scratch: scratch)
    // Too late for this reader, who gets the page in any case: the snapshot is void from now on.
    region.value.protection.confirm(
      pages, since: view.value.epoch, region.value.versions.table)
    let start = view.value.address + UInt(pages.lowerBound * pageSize)
    let filled = insert(pages.count, at: start, from: scratch)
    view.value.ownPages.add(filled, ordering: .relaxed)
    region.value.storeLimit.residentViewPages.add(filled, ordering: .relaxed)
    guard filled < pages.count else { return }
    // A page of the run is there already (EEXIST: this one, for another reader that faulted on it;
    // EAGAIN: a later one, and those before it are filled), or the run was too long. The reader of this
    // page goes on either way: it finds its page, or faults anew.
    wake(start)
  }

  /// Puts pages into a view. Returns how many.
  ///
  /// The kernel refuses a run that is in two mappings as a whole (ENOENT), and the application may have
  /// split the view's: by madvise(2) or mlock(2) on a part of it. The page that a reader waits for is in
  /// one. It is tried with half as many at a time, so that a reader who goes on has few faults more.
  @_noLocks
  private func insert(_ pageCount: Int, at start: UInt, from scratch: UInt) -> Int {
    let pageSize = region.value.layout.pageSize
    var count = pageCount
    while count > 0 {
      let copied = Kernel.copyIn(
        region.value.protection.descriptor, from: scratch, to: start, count * pageSize)
      guard copied == -Int(ENOENT) else { return max(0, copied) / pageSize }
      count /= 2
    }
    return 0
  }

  /// Copies pages as of a snapshot. Returns the end of what was copied, at least one page. The reader has
  /// asked for the first alone: of the application's own mapping, no other is loaded from, because it may
  /// not be readable (see `PreserveBatch.copiesIfReadable`).
  @_noLocks
  private func copy(_ pages: Range<Int>, as reader: SnapshotReader, scratch: UInt) -> Int {
    let pageSize = region.value.layout.pageSize
    guard region.value.isAdopted, pages.count > 1 else {
      for page in pages {
        reader.copy(
          page, offset: 0, count: pageSize,
          to: scratch + UInt((page - pages.lowerBound) * pageSize))
      }
      return pages.upperBound
    }
    reader.copy(pages.lowerBound, offset: 0, count: pageSize, to: scratch)
    let rest = pages.dropFirst()
    let target = scratch + UInt(pageSize)
    let copied = Kernel.copyIfReadable(
      from: region.value.layout.address(ofPage: rest.lowerBound), to: target, pageCount: rest.count,
      pageSize: pageSize)
    for page in rest.prefix(copied) {
      reader.copyIfPreserved(
        page, offset: 0, count: pageSize,
        to: target + UInt((page - rest.lowerBound) * pageSize))
    }
    return rest.lowerBound + min(copied, rest.count)
  }

  @_noLocks
  private func wake(_ page: UInt) {
    region.value.protection.wake(page, region.value.layout.pageSize)
  }
}

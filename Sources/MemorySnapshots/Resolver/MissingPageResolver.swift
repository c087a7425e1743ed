internal import Synchronization

/// Answers the first read of a page of a view that is filled as it is read: copies pages, as of the
/// snapshot, into the view. Runs where `FaultResolver` runs, under the same rules.
@safe
struct MissingPageResolver {
  let region: UnsafeMutablePointer<RegionState>

  @_noLocks
  init(region: UnsafeMutablePointer<RegionState>) { unsafe self.region = region }

  /// How many pages one fault fills at the most: readers mostly go on to the next.
  static var pagesPerFault: Int {
    @_noLocks get { 64 }
  }

  /// - Parameter scratch: `pagesPerFault` pages of the caller's own.
  @_noLocks
  func resolve(_ address: UInt, scratch: UInt) {
    // The gate keeps the list of views as it is. Closed: whoever opens it wakes the reader.
    while unsafe !region.pointee.gate.enter() {
      if unsafe region.pointee.gate.park() { return }
    }
    fill(address, scratch: scratch, pageCount: MissingPageResolver.pagesPerFault)
    unsafe region.pointee.gate.leave()
  }

  /// Fills up to `pageCount` pages from the one at `address` on. The gate has been passed.
  @_noLocks
  func fill(_ address: UInt, scratch: UInt, pageCount: Int) {
    let byteCount = unsafe region.pointee.byteCount
    if let index = unsafe region.pointee.views.openView(
      containing: address, byteCount: byteCount)
    {
      let view = unsafe region.pointee.views.entry(index)
      let start = unsafe view.pointee.address
      let page = unsafe Int((address - start) / UInt(region.pointee.pageSize))
      let end = unsafe min(page + pageCount, region.pointee.pageCount)
      unsafe fill(page..<end, of: view, scratch: scratch)
      return
    }
    // The view was closed while the message was under way: its reader must not wait for ever.
    unsafe wake(address & ~UInt(region.pointee.pageSize - 1))
  }

  @_noLocks
  private func fill(
    _ pages: Range<Int>, of view: UnsafeMutablePointer<ViewEntry>, scratch: UInt
  ) {
    let pageSize = unsafe region.pointee.pageSize
    let reader = unsafe SnapshotReader(region: region, epoch: view.pointee.epoch)
    let pages = pages.lowerBound..<copy(pages, as: reader, scratch: scratch)
    // Too late for this reader, who gets the page in any case: the snapshot is void from now on.
    unsafe region.pointee.confirmProtection(of: pages, since: view.pointee.epoch)
    let start = unsafe view.pointee.address + UInt(pages.lowerBound * pageSize)
    let byteCount = pages.count * pageSize
    let copied = unsafe Kernel.copyIn(
      region.pointee.descriptor, from: scratch, to: start, byteCount)
    unsafe view.pointee.ownPages.add(copied / pageSize, ordering: .relaxed)
    unsafe region.pointee.residentViewPages.add(copied / pageSize, ordering: .relaxed)
    guard copied < byteCount else { return }
    // A page of the run is there already (EEXIST: this one, for another reader that faulted on it;
    // EAGAIN: a later one, and those before it are filled). The reader of this page goes on either
    // way: it finds its page, or faults anew.
    wake(start)
  }

  /// Copies pages as of a snapshot. Returns the end of what was copied, at least one page. The reader has
  /// asked for the first alone: of the application's own mapping, no other is loaded from, because it may
  /// not be readable (see `PreserveBatch.copiesIfReadable`).
  @_noLocks
  private func copy(_ pages: Range<Int>, as reader: SnapshotReader, scratch: UInt) -> Int {
    let pageSize = unsafe region.pointee.pageSize
    guard unsafe region.pointee.isAdopted, pages.count > 1 else {
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
    let copied = unsafe Kernel.copyIfReadable(
      from: region.pointee.address(ofPage: rest.lowerBound), to: target, pageCount: rest.count,
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
    unsafe region.pointee.wake(page, region.pointee.pageSize)
  }
}

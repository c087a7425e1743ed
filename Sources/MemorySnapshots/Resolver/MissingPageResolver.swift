/// Answers the first read of a page of a view that is filled as it is read: copies the page, as of
/// the snapshot, into the view. Runs where `FaultResolver` runs, under the same rules.
@safe
struct MissingPageResolver {
  let region: UnsafeMutablePointer<RegionState>

  @_noLocks
  init(region: UnsafeMutablePointer<RegionState>) { unsafe self.region = region }

  /// How many pages one fault fills: readers mostly go on to the next.
  private static var pagesPerFault: Int {
    @_noLocks get { 32 }
  }

  /// - Parameter scratch: a page of the caller's own.
  @_noLocks
  func resolve(_ address: UInt, scratch: UInt) {
    // The gate keeps the list of views as it is. Closed: whoever opens it wakes the reader.
    while unsafe !region.pointee.gate.enter() {
      if unsafe region.pointee.gate.park() { return }
    }
    fill(address, scratch: scratch)
    unsafe region.pointee.gate.leave()
  }

  @_noLocks
  private func fill(_ address: UInt, scratch: UInt) {
    let byteCount = unsafe UInt(region.pointee.byteCount)
    for position in 0..<(unsafe region.pointee.views.count) {
      let view = unsafe region.pointee.views.entry(region.pointee.views.openView(position))
      let start = unsafe view.pointee.address
      guard address >= start, address - start < byteCount else { continue }
      let pageSize = unsafe UInt(region.pointee.pageSize)
      let page = Int((address - start) / pageSize)
      let end = unsafe min(page + MissingPageResolver.pagesPerFault, region.pointee.pageCount)
      let reader = unsafe SnapshotReader(region: region, epoch: view.pointee.epoch)
      for next in page..<end {
        unsafe reader.copy(next, offset: 0, count: region.pointee.pageSize, to: scratch)
        let status = unsafe Kernel.copyIn(
          region.pointee.descriptor, from: scratch, to: start + UInt(next) * pageSize,
          region.pointee.pageSize)
        // EEXIST: filled already, by a fault on a page before it. Its reader must be woken all
        // the same; the others after it are filled too, or will fault themselves.
        if status != 0 {
          _ = unsafe Kernel.wake(
            region.pointee.descriptor, start + UInt(next) * pageSize, region.pointee.pageSize)
          break
        }
      }
      return
    }
    // The view was closed while the message was under way: its reader must not wait for ever.
    _ = unsafe Kernel.wake(
      region.pointee.descriptor, address & ~UInt(region.pointee.pageSize - 1),
      region.pointee.pageSize)
  }
}

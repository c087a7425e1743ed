internal import Glibc
internal import Synchronization
internal import SystemPackage

// Installing and lifting write protection, range by range.

extension RegionState {
  /// Dirty pages this close together share one ioctl: a page inside a protected run costs about
  /// 1/30 of an ioctl of its own.
  private static var joinGap: Int { 25 }
  private static var retries: Int { 1000 }
  /// An ioctl that took no longer may cover twice as much the next time: huge pages are protected by
  /// the hundred in that time, and each ioctl makes the other processors flush their caches of
  /// translations. Small pages may follow huge ones: then one ioctl takes as long as so many slices do.
  private static var shortCall: UInt64 { 100_000 }
  private static var mostSlicesPerCall: Int { 8 }

  func pages(ofSlice slice: Int) -> Range<Int> {
    let first = slice * slices.pagesPerSlice
    return first..<min(first + slices.pagesPerSlice, pageCount)
  }

  /// Write-protects every page that is not: whole slices that are open, and of the others the pages
  /// preserved since the newest snapshot. Gate closed.
  ///
  /// - Complexity: O(pages written to since the newest snapshot + open slices).
  func protectDirtyPages() throws(Errno) {
    var slice = 0
    var slicesPerCall = 1
    while slice < slices.count {
      if !slices.allClosed, slices.isOpen(slice: slice) {
        let last = min(slice + slicesPerCall, slices.count)
        let end = (slice..<last).first { !slices.isOpen(slice: $0) } ?? last
        let start = Kernel.nanoseconds()
        try protect(pages(ofSlice: slice).lowerBound..<pages(ofSlice: end - 1).upperBound)
        let wasShort = Kernel.nanoseconds() - start < RegionState.shortCall
        slicesPerCall = wasShort ? min(slicesPerCall * 2, RegionState.mostSlicesPerCall) : 1
        slice = end
      } else {
        let start = slice * slices.pagesPerSlice
        slice = slices.allClosed ? slices.count : slice
        while slice < slices.count, !slices.isOpen(slice: slice) { slice += 1 }
        let pages = start..<min(slice * slices.pagesPerSlice, pageCount)
        try protectDirtyPages(in: pages)
      }
    }
  }

  /// Marks all slices as armed, after a successful `protectDirtyPages`.
  func closeSlices() {
    guard !slices.allClosed else { return }
    let now = epoch.load(ordering: .relaxed)
    for slice in 0..<slices.count where slices.isOpen(slice: slice) {
      slices.close(slice: slice, epoch: now)
    }
  }

  private func protectDirtyPages(in range: Range<Int>) throws(Errno) {
    let now = epoch.load(ordering: .relaxed)
    let longest = slices.pagesPerSlice
    // A page that has lost its protection is not to get it back: that would hide the loss.
    let gap = merging.isPossible() ? 0 : RegionState.joinGap
    var hasJoined = false
    var merged = range.lowerBound..<range.lowerBound
    var rest = range
    while let run = table.nextRun(preservedSince: now, in: rest, limit: longest) {
      let isNear = run.lowerBound - merged.upperBound <= gap
      if !merged.isEmpty, isNear, run.upperBound - merged.lowerBound <= longest {
        hasJoined = hasJoined || run.lowerBound > merged.upperBound
        merged = merged.lowerBound..<run.upperBound
      } else {
        try protect(merged)
        merged = run
      }
      rest = run.upperBound..<range.upperBound
    }
    try protect(merged)
    if hasJoined, merging.hasBecomePossible() { loseToMerging() }
  }

  /// Lifts what a failed `protectDirtyPages` has installed. Gate closed.
  func unprotectDirtyPages() {
    let now = epoch.load(ordering: .relaxed)
    for slice in 0..<slices.count {
      let pages = pages(ofSlice: slice)
      if slices.isOpen(slice: slice) {
        unprotect(pages)
        continue
      }
      var rest = pages
      while let run = table.nextRun(preservedSince: now, in: rest, limit: rest.count) {
        unprotect(run)
        rest = run.upperBound..<pages.upperBound
      }
    }
  }

  private func protect(_ run: Range<Int>) throws(Errno) {
    guard !run.isEmpty else { return }
    let start = address(ofPage: run.lowerBound)
    let length = run.count * pageSize
    // An empty page-table entry of private memory cannot carry protection before Linux 6.4.
    if populatesBeforeProtecting { try Kernel.populateForReading(start, length) }
    var status = Kernel.writeProtect(descriptor, start, length)
    var attempt = 0
    while status == -EAGAIN, attempt < RegionState.retries {
      Kernel.pause(attempt)
      status = Kernel.writeProtect(descriptor, start, length)
      attempt += 1
    }
    if status != 0 { throw Errno(rawValue: -status) }
  }

  /// Lifts protection and wakes the threads that wait for it. Where the kernel refuses, a fault on a
  /// page that is taken for open is answered by un-protecting that page.
  func unprotect(_ run: Range<Int>) {
    let start = address(ofPage: run.lowerBound)
    var attempt = 0
    while Kernel.writeUnprotect(descriptor, start, run.count * pageSize) == -EAGAIN,
      attempt < RegionState.retries
    {
      Kernel.pause(attempt)
      attempt += 1
    }
  }

  /// Wakes every thread that waits for a fault of the region: it will fault anew.
  func wakeWaiters() { wake(address, byteCount) }

  /// Opens the gate, and wakes whoever was put aside meanwhile. Control lock held.
  func openGate() {
    if gate.open() { wakeAll() }
  }

  /// Wakes every thread that waits for a fault of the region or of a view. The gate has been passed,
  /// or the control lock is held, so that the list of views stays as it is.
  func wakeAll() {
    // One ioctl for the region and all its views: waking goes by addresses, and nobody else waits for
    // this descriptor in between.
    let bounds = views.bounds(with: address..<address + UInt(byteCount))
    wake(bounds.lowerBound, bounds.count)
  }
}

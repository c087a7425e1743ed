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
  func protectDirtyPages(sparesHotPages: Bool) throws(Errno) {
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
        if sparesHotPages {
          try protectColdPages(in: pages)
        } else {
          try protectDirtyPages(in: pages)
        }
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

  /// The same without the pages that recur, which are left to `FaultResolver.copySparedPages`.
  private func protectColdPages(in range: Range<Int>) throws(Errno) {
    let now = epoch.load(ordering: .relaxed)
    var rest = range
    while let run = table.nextRun(
      preservedSince: now, in: rest, limit: slices.pagesPerSlice)
    {
      var start = run.lowerBound
      for page in run where table.word(page).recurs {
        try protect(start..<page)
        start = page + 1
      }
      try protect(start..<run.upperBound)
      rest = run.upperBound..<range.upperBound
    }
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

  func protect(_ run: Range<Int>) throws(Errno) {
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

// Where the kernel refuses what a waiting thread needs.

extension RegionState {
  /// Wakes the threads that wait in a range. If the kernel refuses, the keeper does it.
  @_noLocks
  func wake(_ start: UInt, _ length: Int) {
    let status = Kernel.wake(descriptor, start, length)
    // EBADF and ENOTTY: the descriptor was closed, which has woken all.
    guard status != 0, status != -EBADF, status != -ENOTTY else { return }
    // Releasing: whatever the threads are to find when they fault anew was written before.
    owesWake.store(true, ordering: .releasing)
    unsafe store.pointee.callKeeper()
  }

  /// How often in a row un-protecting may fail. A writer whose page stays protected is woken each
  /// time, and faults anew.
  private static var mostRefusals: Int {
    @_noLocks get { 64 }
  }

  /// Takes note of what the kernel has answered when pages were to be un-protected. Their content is
  /// preserved and published by then. If it goes on refusing, the protection is given up, loudly,
  /// because a writer must not wait for ever.
  @_noLocks
  func noteUnprotecting(_ status: Int32) {
    guard status != 0 else {
      // A load as a rule: the line is shared by all who resolve faults.
      if refusedUnprotects.load(ordering: .relaxed) != 0 {
        refusedUnprotects.store(0, ordering: .relaxed)
      }
      return
    }
    // ENOENT: the application has unmapped the range, so no fault there is ours any more.
    guard status != -ENOENT else { return }
    let refusals = refusedUnprotects.add(1, ordering: .relaxed).newValue
    guard refusals >= RegionState.mostRefusals else { return }
    isUnprotectable.store(true, ordering: .releasing)
    unsafe store.pointee.callKeeper()
  }

  /// Does what the kernel has refused to others. Keeper only. Returns after how many nanoseconds to
  /// try again, less than zero for not at all.
  func makeUpForRefusals(isBlind: Bool) -> Int64 {
    let retryDelay: Int64 = 1_000_000
    var isDone = true
    if isBlind && !resolvesInline || isUnprotectable.load(ordering: .acquiring) {
      isDone = giveUpProtection()
    }
    if owesWake.exchange(false, ordering: .acquiringAndReleasing) {
      // Not waiting for the gate: whoever opens it may wait for the keeper.
      if gate.enter() {
        wakeAll()
        gate.leave()
      } else {
        owesWake.store(true, ordering: .releasing)
      }
      isDone = isDone && !owesWake.load(ordering: .acquiring)
    }
    return isDone ? -1 : retryDelay
  }
}

// Losing protection: the application has closed the library's descriptors, by close_range(2) say, the
// kernel has merged pages with equal ones (`MergeWatch`), or it does not un-protect any more.

extension RegionState {
  /// Whether writes go unseen, because the descriptor has been closed or pages have been merged. Asked after reading, a `false`
  /// says that what was read is right.
  ///
  /// - Complexity: O(1): an ioctl.
  func hasLostProtection() -> Bool {
    if isUnguarded.load(ordering: .acquiring) { return true }
    // EBADF or ENOTTY: closed, or another file; ENOENT: another userfaultfd descriptor.
    let status = Kernel.writeUnprotect(descriptor, canary, pageSize)
    guard status != 0, status != -EAGAIN else { return false }
    isUnguarded.store(true, ordering: .releasing)
    return true
  }

  /// Lets all writers and readers of views go on, because nobody answers their faults any more. False
  /// if the kernel has refused any of it: try again.
  private func giveUpProtection() -> Bool {
    // Releasing: the writes that follow are not seen by a reader who does not see this.
    isUnguarded.store(true, ordering: .releasing)
    var isDone = unregister(address)
    // By itself, unregistering wakes those who wait for missing pages, not for protected ones.
    wakeWaiters()
    gate.enterWaiting()
    defer { gate.leave() }
    for position in 0..<views.count {
      let view = unsafe views.entry(views.openView(position))
      if unsafe !view.pointee.isCopiedByKernel {
        isDone = unregister(unsafe view.pointee.address) && isDone
      }
    }
    if isDone { isUnprotectable.store(false, ordering: .relaxed) }
    return isDone
  }

  /// False if the range may still be registered.
  private func unregister(_ start: UInt) -> Bool {
    do throws(Errno) {
      try Kernel.unregister(descriptor, start, byteCount)
      return true
    } catch {
      // The descriptor was closed: the registration has gone with it.
      return error == .badFileDescriptor || error.rawValue == ENOTTY
    }
  }
}

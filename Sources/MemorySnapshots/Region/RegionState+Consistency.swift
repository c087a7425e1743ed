internal import Synchronization
internal import SystemPackage

// Comparing what the library believes with what the kernel says, and with itself.

extension RegionState {
  /// The first page whose word says that it is protected and that the kernel lets be written to.
  ///
  /// Reads the kernel's entries first and the words afterwards: a page is published before it is
  /// un-protected, so one that is found open is found published, too. Only a snapshot that is taken in
  /// between makes this look wrong; with the gate closed, the second look is exact.
  ///
  /// - Parameter entries: Room for as many pagemap entries as are to be read at once.
  func firstUnprotectedPage(
    _ entries: UnsafeMutableBufferPointer<UInt64>
  ) throws(Errno) -> Int? {
    for slice in 0..<slices.count where !slices.isOpen(slice: slice) {
      let all = pages(ofSlice: slice)
      for start in stride(from: all.lowerBound, to: all.upperBound, by: entries.count) {
        let part = start..<min(start + entries.count, all.upperBound)
        guard unsafe try unprotectedPage(in: part, entries) != nil else { continue }
        let found = control.withLock { _ in
          gate.close()
          defer { openGate() }
          // The entries were read a moment ago: a second reading fails no more than the first.
          return unsafe try? unprotectedPage(in: part, entries)
        }
        if let found { return found }
      }
    }
    return nil
  }

  private func unprotectedPage(
    in pages: Range<Int>, _ entries: UnsafeMutableBufferPointer<UInt64>
  ) throws(Errno) -> Int? {
    let part = unsafe UnsafeMutableBufferPointer(rebasing: entries[..<pages.count])
    unsafe try Kernel.readPagemap(address(ofPage: pages.lowerBound), part)
    let now = epoch.load(ordering: .acquiring)
    return pages.first { page in
      let entry = unsafe part[page - pages.lowerBound]
      return entry & (Kernel.writeProtectedBit | Kernel.guardBit) == 0
        && table.word(page).preserved < now
        && !slices.isOpen(page: page)
    }
  }

  /// What contradicts itself in the lists of snapshots and versions, if anything does. Takes the lock
  /// and closes the gate.
  ///
  /// - Parameter isIdle: Whether no snapshot lives, nor ever will.
  func contradiction(isIdle: Bool) -> StaticString? {
    control.withLock { snapshots in
      gate.close()
      defer { openGate() }
      return contradiction(in: snapshots, isIdle: isIdle)
    }
  }

  private func contradiction(in snapshots: LiveSnapshots, isIdle: Bool) -> StaticString? {
    var keptPages = 0
    var count = 0
    var record = unsafe snapshots.oldest
    var older: UnsafeMutablePointer<SnapshotRecord>?
    while let snapshot = unsafe record {
      guard unsafe snapshot.pointee.older == older,
        unsafe (older?.pointee.epoch ?? 0) < snapshot.pointee.epoch
      else { return "the live snapshots are not linked in order" }
      let end = unsafe snapshot.pointee.newer?.pointee.epoch ?? .max
      let owned = unsafe snapshot.pointee.epoch..<end
      if let fault = unsafe contradiction(in: snapshot.pointee.versions, owned, &keptPages) {
        return fault
      }
      count += 1
      unsafe older = snapshot
      unsafe record = snapshot.pointee.newer
    }
    guard unsafe older == snapshots.newest, count == snapshots.count else {
      return "the live snapshots are not as many as were counted"
    }
    let newest = unsafe snapshots.newest?.pointee.epoch ?? 0
    guard newestLiveEpoch.load(ordering: .relaxed) == newest,
      newest <= epoch.load(ordering: .relaxed)
    else { return "the newest snapshot is not the one that pages are preserved for" }
    let unowned = VersionList(
      first: newestVersion.load(ordering: .relaxed), last: firstNewVersion.load(ordering: .relaxed),
      count: newVersionCount.load(ordering: .relaxed))
    if let fault = contradiction(in: unowned, newest..<UInt64.max, &keptPages) { return fault }
    guard unowned.count == 0 || count > 0 else { return "pages are preserved for no snapshot" }
    let counted = preservedPages.load(ordering: .relaxed)
    guard keptPages <= counted, !isIdle || counted == 0 else {
      return "the pre-images are not as many as were counted"
    }
    guard count == 0 || slices.allClosed else {
      return "a slice is not protected though a snapshot lives"
    }
    return nil
  }

  /// - Parameters:
  ///   - owned: The epochs in which the versions of the list may have been made.
  ///   - keptPages: Receives how many of them take memory.
  private func contradiction(
    in list: VersionList, _ owned: Range<UInt64>, _ keptPages: inout Int
  ) -> StaticString? {
    var number = list.first
    var previous: UInt32 = 0
    var count = 0
    while number != 0 {
      let version = unsafe store.pointee.record(number)
      let upper = unsafe version.pointee.upper.load(ordering: .relaxed)
      guard unsafe version.pointee.lower < owned.lowerBound, owned.contains(upper) else {
        return "a version is owned by a snapshot that does not need it most"
      }
      guard unsafe version.pointee.previous == previous || previous == 0 else {
        return "a list of versions is not linked both ways"
      }
      let word = unsafe table.word(Int(version.pointee.page))
      let newer = unsafe version.pointee.newer
      let link =
        unsafe newer == 0
        ? word.newestVersion : store.pointee.record(newer).pointee.older.load(ordering: .relaxed)
      guard link == number, word.preserved >= upper else {
        return "a page does not lead to one of its versions"
      }
      let location = VersionLocation(bits: unsafe version.pointee.location.load(ordering: .relaxed))
      if location != .zero { keptPages += 1 }
      previous = number
      number = unsafe version.pointee.next
      count += 1
      // A list that has become a ring has no end.
      guard count <= list.count else { break }
    }
    guard count == list.count, count == 0 || previous == list.last else {
      return "a list of versions is not as long as was counted"
    }
    return nil
  }
}

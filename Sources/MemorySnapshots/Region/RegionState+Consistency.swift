internal import Synchronization
internal import SystemPackage

// Comparing what the library believes with what the kernel says, and with itself.

extension RegionState {
  /// The first page whose word says that it is protected and that the kernel lets be written to.
  ///
  /// Reads the kernel's entries first and the words afterwards: a page is published before it is
  /// un-protected, so one that is found unprotected is found published, too. Only a snapshot that is taken in
  /// between makes this look wrong; with the gate closed, the second look is exact.
  ///
  /// - Parameter entries: Room for as many pagemap entries as are to be read at once.
  func firstUnprotectedPage(
    _ entries: FixedArray<UInt64>
  ) throws(Errno) -> Int? {
    let slices = 0..<protection.slices.count
    for slice in slices where protection.slices.isArmed(slice: slice) {
      let all = protection.pages(ofSlice: slice)
      for start in stride(from: all.lowerBound, to: all.upperBound, by: entries.count) {
        let part = start..<min(start + entries.count, all.upperBound)
        guard try unprotectedPage(in: part, entries) != nil else { continue }
        let found = timeline.control.withLock { _ in
          timeline.gate.close()
          defer { openGate() }
          // The entries were read a moment ago: a second reading fails no more than the first.
          return try? unprotectedPage(in: part, entries)
        }
        if let found { return found }
      }
    }
    return nil
  }

  private func unprotectedPage(
    in pages: Range<Int>, _ entries: FixedArray<UInt64>
  ) throws(Errno) -> Int? {
    try Kernel.readPagemap(
      layout.address(ofPage: pages.lowerBound), entries, count: pages.count)
    let now = timeline.epoch.load(ordering: .acquiring)
    return pages.first { page in
      let entry = entries[page - pages.lowerBound]
      return entry & (Kernel.writeProtectedBit | Kernel.guardBit) == 0
        && versions.table.word(page).preserved < now && protection.slices.isArmed(page: page)
    }
  }

  /// What contradicts itself in the lists of snapshots and versions, if anything does. Takes the lock
  /// and closes the gate.
  ///
  /// - Parameter isIdle: Whether no snapshot lives, nor ever will.
  func contradiction(isIdle: Bool) -> StaticString? {
    timeline.control.withLock { snapshots in
      timeline.gate.close()
      defer { openGate() }
      return contradiction(in: snapshots, isIdle: isIdle)
    }
  }

  private func contradiction(in snapshots: LiveSnapshots, isIdle: Bool) -> StaticString? {
    var keptPages = 0
    var count = 0
    var record = snapshots.oldest
    var older: Reference<SnapshotRecord>?
    while let snapshot = record {
      guard snapshot.value.older == older,
        (older?.value.epoch ?? 0) < snapshot.value.epoch
      else { return "the live snapshots are not linked in order" }
      let end = snapshot.value.newer?.value.epoch ?? .max
      let owned = snapshot.value.epoch..<end
      if let fault = versions.contradiction(in: snapshot.value.versions, owned, &keptPages) {
        return fault
      }
      count += 1
      older = snapshot
      record = snapshot.value.newer
    }
    guard older == snapshots.newest, count == snapshots.count else {
      return "the live snapshots are not as many as were counted"
    }
    let newest = snapshots.newest?.value.epoch ?? 0
    guard timeline.newestLiveEpoch.load(ordering: .relaxed) == newest,
      newest <= timeline.epoch.load(ordering: .relaxed)
    else { return "the newest snapshot is not the one that pages are preserved for" }
    let new = versions.new
    if let fault = versions.contradiction(in: new, newest..<UInt64.max, &keptPages) {
      return fault
    }
    guard new.count == 0 || count > 0 else { return "pages are preserved for no snapshot" }
    let counted = storeLimit.keptPages.load(ordering: .relaxed)
    guard keptPages <= counted, !isIdle || counted == 0 else {
      return "the pre-images are not as many as were counted"
    }
    guard count == 0 || protection.slices.areAllArmed else {
      return "a slice is not protected though a snapshot lives"
    }
    return nil
  }
}

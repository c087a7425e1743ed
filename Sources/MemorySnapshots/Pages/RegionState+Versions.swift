internal import Synchronization

// The versions of a region's pages: made by whoever resolves a fault, found by readers, unlinked
// under the control lock.

/// Why a page had to be preserved.
enum PreserveCause {
  case fault
  case ahead
  case hot
  case intent
  case restore

  /// Whether nobody has announced a write to the page.
  var isGuess: Bool {
    @_noLocks get {
      switch self {
      case .ahead, .hot: true
      case .fault, .intent, .restore: false
      }
    }
  }
}

extension RegionState {
  // MARK: - Making

  /// Preserves the content of a page whose claim the caller holds, as `word` says, if a live
  /// snapshot needs it. Returns the word to publish before the page is un-protected, or `nil` if
  /// there is no memory for a pre-image: nothing has changed then.
  @_noLocks
  func preserve(_ page: Int, _ word: PageWord, _ cause: PreserveCause) -> PageWord? {
    // Relaxed: the epochs change only while the gate is closed, and the caller has passed it.
    let epoch = epoch.load(ordering: .relaxed)
    guard newestLiveEpoch.load(ordering: .relaxed) > word.preserved else {
      table.raiseGroup(of: page, to: epoch)
      return word.preserved(in: epoch, newestVersion: word.newestVersion)
    }
    guard let number = unsafe store.pointee.allocateRecord() else { return nil }
    guard let location = copyPreimage(of: page, preserved: word.preserved, cause) else {
      unsafe store.pointee.deallocateRecord(number)
      return nil
    }
    let record = unsafe store.pointee.record(number)
    // A reader that still walks the record's last life sees the unlinking before any of this.
    atomicMemoryFence(ordering: .releasing)
    let older = word.newestVersion
    let lower = max(word.preserved, slices.untrackedEpoch(ofClosedSliceWithPage: page))
    // Relaxed: the page's word publishes the record.
    let guess = cause.isGuess ? VersionRecord.speculativeBit : 0
    unsafe record.pointee.lowerBits.store(lower | guess, ordering: .relaxed)
    unsafe record.pointee.upper.store(epoch, ordering: .relaxed)
    unsafe record.pointee.location.store(location.bits, ordering: .relaxed)
    unsafe record.pointee.older.store(older, ordering: .relaxed)
    unsafe record.pointee.newer = 0
    unsafe record.pointee.page = UInt32(truncatingIfNeeded: page)
    if older != 0 { unsafe store.pointee.record(older).pointee.newer = number }
    append(number)
    table.raiseGroup(of: page, to: epoch)
    return word.preserved(in: epoch, newestVersion: number)
  }

  /// Copies the page to where a snapshot can read it. A view that needs the page makes the copy
  /// itself, and its private page serves every snapshot in the interval.
  @_noLocks
  private func copyPreimage(
    of page: Int, preserved: UInt64, _ cause: PreserveCause
  ) -> VersionLocation? {
    if let view = touchViews(ofPage: page, preserved: preserved), views.mayHoldVersions {
      unsafe views.entry(view).pointee.heldVersions.add(1, ordering: .relaxed)
      counters.mostPreservedPages.max(raisePreservedPages(), ordering: .relaxed)
      counters.pagesCopiedByViews.add(1, ordering: .relaxed)
      return .view(view)
    }
    let source = address(ofPage: page)
    if Kernel.isZero(source, count: pageSize) {
      counters.zeroPages.add(1, ordering: .relaxed)
      return .zero
    }
    let kept = raisePreservedPages()
    guard kept <= pageLimit || limitIsLifted.load(ordering: .relaxed) else {
      preservedPages.subtract(1, ordering: .relaxed)
      // Relaxed: `isStarved`, set afterwards, orders it.
      limitIsHit.store(true, ordering: .relaxed)
      return nil
    }
    guard let slot = unsafe store.pointee.allocatePage() else {
      preservedPages.subtract(1, ordering: .relaxed)
      return nil
    }
    counters.mostPreservedPages.max(kept, ordering: .relaxed)
    Kernel.copyBytes(
      from: source, to: unsafe store.pointee.pages.address(of: slot), count: pageSize)
    counters.countCopy(cause)
    return .slot(slot)
  }

  /// Has the kernel copy the page in each open view that does not have it yet. Returns one such
  /// view. Must come before the live page is un-protected.
  @_noLocks
  private func touchViews(ofPage page: Int, preserved: UInt64) -> Int? {
    var holder: Int?
    for position in 0..<views.count {
      let index = views.openView(position)
      let view = unsafe views.entry(index)
      guard unsafe view.pointee.isCopiedByKernel, unsafe view.pointee.epoch > preserved
      else { continue }
      Kernel.touch(unsafe view.pointee.address + UInt(page * pageSize))
      holder = index
    }
    return holder
  }

  @_noLocks
  private func raisePreservedPages() -> Int {
    preservedPages.add(1, ordering: .relaxed).newValue
  }

  /// Pushes a version on the stack of those made since the newest live snapshot. Each one's
  /// `previous` is written by the one thread that pushes next; both ends are read only while the
  /// gate is closed, which orders them.
  @_noLocks
  private func append(_ number: UInt32) {
    let record = unsafe store.pointee.record(number)
    unsafe record.pointee.previous = 0
    var head = newestVersion.load(ordering: .relaxed)
    while true {
      unsafe record.pointee.next = head
      // Releasing and acquiring: what was written to a record above comes before what whoever
      // pushes next writes to it below.
      let (exchanged, original) = newestVersion.compareExchange(
        expected: head, desired: number, ordering: .acquiringAndReleasing)
      if exchanged { break }
      head = original
    }
    if head == 0 {
      firstNewVersion.store(number, ordering: .relaxed)
    } else {
      unsafe store.pointee.record(head).pointee.previous = number
    }
    newVersionCount.add(1, ordering: .relaxed)
  }

  /// Takes the versions made since the newest live snapshot. Gate closed, control lock held.
  func takeNewVersions() -> VersionList {
    let list = VersionList(
      first: newestVersion.load(ordering: .relaxed),
      last: firstNewVersion.load(ordering: .relaxed),
      count: newVersionCount.load(ordering: .relaxed))
    newestVersion.store(0, ordering: .relaxed)
    firstNewVersion.store(0, ordering: .relaxed)
    newVersionCount.store(0, ordering: .relaxed)
    return list
  }

  // MARK: - Unlinking

  /// Takes a version out of its page's chain and frees its memory. Control lock held.
  func free(version number: UInt32) {
    let record = unsafe store.pointee.record(number)
    let page = Int(unsafe record.pointee.page)
    let word = lock(page)
    let older = unsafe record.pointee.older.load(ordering: .relaxed)
    let newer = unsafe record.pointee.newer
    beginUnlinking()
    if newer == 0 {
      table.publish(page, word.claimed(.locked).with(newestVersion: older))
    } else {
      unsafe store.pointee.record(newer).pointee.older.store(older, ordering: .relaxed)
    }
    if older != 0 { unsafe store.pointee.record(older).pointee.newer = newer }
    endUnlinking()
    table.publish(page, table.word(page).claimed(.free))
    freeContent(VersionLocation(bits: unsafe record.pointee.location.load(ordering: .relaxed)))
    unsafe store.pointee.deallocateRecord(number)
  }

  /// Takes the claim that keeps resolvers of the page out while its versions are unlinked. They
  /// hold theirs for a few pages' copying at most.
  func lock(_ page: Int) -> PageWord {
    while true {
      let word = table.word(page)
      if word.isFree, table.claim(page, seen: word, .locked) { return word }
      Kernel.yield()
    }
  }

  private func beginUnlinking() {
    unlinkSequence.add(1, ordering: .relaxed)
    // The odd number is seen before any link changes, or the change is not seen.
    atomicMemoryFence(ordering: .sequentiallyConsistent)
  }

  private func endUnlinking() {
    // Releasing: whoever sees the even number sees the links as they are now.
    unlinkSequence.add(1, ordering: .releasing)
  }

  private func freeContent(_ location: VersionLocation) {
    if let slot = location.slot {
      preservedPages.subtract(1, ordering: .relaxed)
      unsafe store.pointee.deallocatePage(slot)
    } else if let index = location.viewIndex {
      preservedPages.subtract(1, ordering: .relaxed)
      let view = unsafe views.entry(index)
      let held = unsafe view.pointee.heldVersions.subtract(1, ordering: .relaxed).newValue
      if held == 0, unsafe !view.pointee.isOpen {
        Kernel.unmap(unsafe view.pointee.address, byteCount)
        views.countRetired(-1)
        views.free(index)
      }
    }
  }
}

internal import Synchronization

// The versions of a region's pages, once they are made: handed to the snapshot that owns them, and
// unlinked under the control lock.

extension RegionState {
  /// Pushes versions on the stack of those made since the newest live snapshot. Each one's
  /// `previous` is written by the one thread that pushes next; both ends are read only while the
  /// gate is closed, which orders them.
  @_noLocks
  func append(_ versions: VersionList) {
    let last = unsafe store.pointee.record(versions.last)
    var head = newestVersion.load(ordering: .relaxed)
    while true {
      unsafe last.pointee.next = head
      // Releasing and acquiring: what was written to a record above comes before what whoever
      // pushes next writes to it below.
      let (exchanged, original) = newestVersion.compareExchange(
        expected: head, desired: versions.first, ordering: .acquiringAndReleasing)
      if exchanged { break }
      head = original
    }
    if head == 0 {
      firstNewVersion.store(versions.last, ordering: .relaxed)
    } else {
      unsafe store.pointee.record(head).pointee.previous = versions.last
    }
    newVersionCount.add(versions.count, ordering: .relaxed)
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

  /// Takes a version out of its page's chain and frees its memory. Control lock held. Returns the
  /// closed view in which it was the last, if it was.
  func free(version number: UInt32) -> Int? {
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
    briefWaiters.wake()
    let location = VersionLocation(bits: unsafe record.pointee.location.load(ordering: .relaxed))
    let closedView = freeContent(location)
    unsafe store.pointee.deallocateRecord(number)
    return closedView
  }

  /// Takes the claim that keeps resolvers of the page out while its versions are unlinked. They
  /// hold theirs for a few pages' copying at most.
  func lock(_ page: Int) -> PageWord {
    var wait = BriefWait(briefWaiters)
    defer { wait.end() }
    while true {
      let word = table.word(page)
      if word.isFree, table.claim(page, seen: word, .locked) { return word }
      wait.next()
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

  private func freeContent(_ location: VersionLocation) -> Int? {
    if let slot = location.slot {
      preservedPages.subtract(1, ordering: .relaxed)
      unsafe store.pointee.deallocatePage(slot)
    } else if let index = location.viewIndex {
      preservedPages.subtract(1, ordering: .relaxed)
      let view = unsafe views.entry(index)
      let held = unsafe view.pointee.heldVersions.subtract(1, ordering: .relaxed).newValue
      if held == 0, unsafe !view.pointee.isOpen { return index }
    }
    return nil
  }

  /// Unmaps a closed view that no version lives in any more. Its pages go all at once.
  func unmap(closedView index: Int) {
    Kernel.unmap(unsafe views.entry(index).pointee.address, byteCount)
    views.countRetired(-1)
    views.giveBack(index)
  }
}

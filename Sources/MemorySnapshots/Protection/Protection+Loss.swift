internal import Glibc
internal import Synchronization
internal import SystemPackage

// Losing protection: the application has closed the library's descriptors, by close_range(2) say, the
// kernel has merged pages with equal ones (`MergeWatch`), or it does not un-protect any more.

extension Protection {
  /// Takes note that writes may have gone unseen.
  @_noLocks
  func noteLoss() {
    // Releasing: whatever is published or written afterwards is not believed by whoever reads it, for he
    // sees this.
    isUnguarded.store(true, ordering: .releasing)
  }

  /// Takes note that writes may have gone unseen because pages were merged.
  @_noLocks
  func loseToMerging() {
    merging.noteHarm()
    noteLoss()
  }

  /// Whether writes go unseen, because the descriptor has been closed or pages have been merged. Asked
  /// after reading, a `false` says that what was read is right.
  ///
  /// - Complexity: O(1): an ioctl.
  func isLost() -> Bool {
    if isUnguarded.load(ordering: .acquiring) { return true }
    // EBADF or ENOTTY: closed, or another file; ENOENT: another userfaultfd descriptor.
    let status = Kernel.writeUnprotect(descriptor, canary, layout.pageSize)
    guard status != 0, status != -EAGAIN else { return false }
    noteLoss()
    return true
  }

  // MARK: - Refusals

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
      if refusals.load(ordering: .relaxed) != 0 { refusals.store(0, ordering: .relaxed) }
      return
    }
    // ENOENT: the application has unmapped the range, so no fault there is ours any more.
    guard status != -ENOENT else { return }
    let count = refusals.add(1, ordering: .relaxed).newValue
    guard count >= Protection.mostRefusals else { return }
    isToBeGivenUp.store(true, ordering: .releasing)
    keeper.call()
  }

  /// Lets nobody take a fault in a range any more. False if it may still be registered.
  func unregister(_ start: UInt) -> Bool {
    do throws(Errno) {
      try Kernel.unregister(descriptor, start, layout.byteCount)
      return true
    } catch {
      // The descriptor was closed: the registration has gone with it.
      return error == .badFileDescriptor || error.rawValue == ENOTTY
    }
  }

  // MARK: - Merging

  /// Checks that pages that are about to be published or un-protected have been protected up to now.
  /// Their claims are the caller's, and the gate has been passed: nobody protects them anew.
  @_noLocks
  func confirm(_ pages: Range<Int>) {
    guard !pages.isEmpty, merging.isPossible() else { return }
    let count = Kernel.protectedPages(
      layout.address(ofPage: pages.lowerBound), pages.count, pageSize: layout.pageSize)
    if count < 0 ? !merging.trustsUnseen : count < pages.count { loseToMerging() }
  }

  /// Checks that pages that were read in their live place as of a snapshot were protected up to then.
  @_noLocks
  func confirm(_ pages: Range<Int>, since epoch: UInt64, _ table: borrowing PageTable) {
    guard merging.isPossible() else { return }
    var page = pages.lowerBound
    while page < pages.upperBound {
      let start = page
      while page < pages.upperBound, table.word(page).preserved < epoch { page += 1 }
      var rest = start..<page
      while !rest.isEmpty {
        let count = Kernel.protectedPages(
          layout.address(ofPage: rest.lowerBound), rest.count, pageSize: layout.pageSize)
        if count < 0 {
          if !merging.trustsUnseen { loseToMerging() }
          return
        }
        if count == rest.count { break }
        // A page is published before it is un-protected: if that was why, its word says so by now.
        let unprotected = rest.lowerBound + count
        if table.word(unprotected).preserved < epoch { return loseToMerging() }
        rest = unprotected + 1..<rest.upperBound
      }
      page += 1
    }
  }
}

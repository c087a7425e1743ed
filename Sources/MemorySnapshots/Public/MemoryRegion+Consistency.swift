internal import Glibc
internal import Synchronization
internal import SystemPackage

extension MemoryRegion {
  /// Compares what the library believes with what the kernel says: every page that is taken for
  /// write-protected must be, and the lists of snapshots and pre-images must agree with each other and
  /// with what was counted.
  ///
  /// For tests, and for applications that want to know that nothing behind the library's back (a call
  /// that changes the mapping, samepage merging) has broken the isolation of snapshots. It may be called
  /// while threads write. A region whose protection is known to be lost already passes: its snapshots
  /// say so themselves.
  ///
  /// - Throws: `SnapshotError` with `.protectionLost` if a page can be written to without a fault: all
  ///   snapshots of the region are void from then on; `.inconsistent` if the library contradicts itself,
  ///   which is a bug in it; `.systemCall` or `.outOfResources` if the kernel cannot be asked. The message
  ///   says what was found first.
  /// - Complexity: O(region), about 7 ms per GiB, and O(pre-images), during which writers that fault wait.
  ///   The corresponding system call is pread(2) of /proc/self/pagemap.
  public func checkConsistency() throws(SnapshotError) {
    try checkConsistency(isIdle: false)
  }

  private func checkConsistency(isIdle: Bool) throws(SnapshotError) {
    let operation = "checkConsistency()"
    try checkProcess(operation)
    if let fault = state.value.contradiction(isIdle: isIdle) {
      throw SnapshotError(
        .inconsistent, operation: operation,
        message: "\(fault); this is a bug in the library: please report it")
    }
    if state.value.protection.isLost() { return }
    guard let page = try firstUnprotectedPage(operation),
      // It may have been lost, as a whole, meanwhile.
      !state.value.protection.isLost()
    else { return }
    if state.value.protection.merging.isPossible() {
      state.value.protection.loseToMerging()
      throw protectionLost(operation)
    }
    state.value.protection.noteLoss()
    throw SnapshotError(
      .protectionLost, operation: operation,
      message:
        "page \(page) can be written to although a snapshot needs it as it is; do not unmap, "
        + "remap or madvise(2) the memory of a region, call discard(_:) to give pages back, and make a "
        + "new region")
  }

  private func firstUnprotectedPage(_ operation: String) throws(SnapshotError) -> Int? {
    let entries = FixedArray<UInt64>(count: 8192) { 0 }
    defer { unsafe entries.free() }
    do {
      return try state.value.firstUnprotectedPage(entries)
    } catch {
      throw .systemCall("reading /proc/self/pagemap", error)
    }
  }

  /// Throws if pages that have not been written to, as far as is known, have lost their protection by
  /// being merged. Costs nothing where the kernel does not merge.
  func checkMerging(_ operation: String) throws(SnapshotError) {
    guard state.value.protection.merging.isPossible() else { return }
    do {
      guard try firstUnprotectedPage(operation) != nil else { return }
    } catch {
      if state.value.protection.merging.trustsUnseen { return }
    }
    state.value.protection.loseToMerging()
    throw protectionLost(operation)
  }

  /// Checks a region when one of its snapshots or itself is let go of, and stops the process if anything
  /// is wrong. For the tests alone, which switch it on by an environment variable; never in release builds.
  func audit(isIdle: Bool = false) {
    #if DEBUG
      guard Auditing.isOn, !isInForkedChild,
        !state.value.isExemptFromAudit.load(ordering: .relaxed)
      else { return }
      do {
        try checkConsistency(isIdle: isIdle)
      } catch {
        guard error.code == .protectionLost || error.code == .inconsistent else { return }
        guard !state.value.protection.merging.hasDoneHarm else { return }
        fatalError("\(error)")
      }
    #endif
  }

  /// Keeps a region that a test breaks on purpose from being checked.
  package func exemptFromAudit() {
    state.value.isExemptFromAudit.store(true, ordering: .relaxed)
  }
}

#if DEBUG
  private enum Auditing {
    static let isOn = unsafe getenv("MEMORY_SNAPSHOTS_AUDIT") != nil
  }
#endif

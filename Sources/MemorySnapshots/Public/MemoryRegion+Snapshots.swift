internal import Glibc
internal import Synchronization
internal import SystemPackage

extension MemoryRegion {
  /// Takes a snapshot: the region's content at this instant. Copies nothing.
  ///
  /// The snapshot is a consistent cut: if a write is in it, so is every write that happened before
  /// that one, in any thread. From now on the first write to each page faults once, and its old
  /// content is kept; snapshots taken between two writes to a page share one copy.
  ///
  /// Threads that write to a protected page meanwhile wait; nobody else does. `RegionStatistics`
  /// reports how long.
  ///
  /// A lock that orders the application's operations may be held meanwhile, to find the data between two
  /// of them: writers' faults are resolved whatever locks they hold. This call, and a write
  /// that waits for it, block the thread; they do not suspend the task.
  ///
  /// - Returns: The snapshot, which keeps the region alive.
  /// - Throws: `SnapshotError` with `.outOfResources` or `.systemCall` if the kernel refuses to
  ///   protect, `.protectionLost` if writes go unseen; the region is as before.
  /// - Complexity: O(pages written to since the last snapshot), about 1 µs for each run of them; the
  ///   first one O(region), about 9 ms per GiB (0.02 ms in huge pages), and 2 MiB of page tables per
  ///   GiB that was never written to. The corresponding system call is `ioctl(UFFDIO_WRITEPROTECT)`.
  public func makeSnapshot() throws(SnapshotError) -> MemorySnapshot {
    let operation = "makeSnapshot()"
    try checkProcess(operation)
    try checkProtection(operation)
    let record = Reference(SnapshotRecord())
    // The error is put in words afterwards: under the lock, nothing allocates.
    let failure: Errno? = state.value.timeline.control.withLock { snapshots in
      guard state.value.timeline.epoch.load(ordering: .relaxed) < PageWord.maximumEpoch else {
        return Errno(rawValue: EOVERFLOW)
      }
      do throws(Errno) {
        try state.value.take(record, into: &snapshots)
        return nil
      } catch {
        return error
      }
    }
    if let failure {
      unsafe record.free()
      if failure.rawValue == EOVERFLOW {
        throw SnapshotError(
          .outOfResources, operation: operation,
          message: "the region has numbered \(PageWord.maximumEpoch) snapshots, the most that it "
            + "can; make a new region")
      }
      throw .systemCall("ioctl(UFFDIO_WRITEPROTECT)", failure)
    }
    return MemorySnapshot(of: self, record)
  }

  /// Rolls the region back: every page that has changed since the snapshot gets its old content.
  ///
  /// Newer snapshots stay as they are. Other threads see a series of writes by the caller; those
  /// that write meanwhile may find their writes undone or not.
  ///
  /// - Parameter snapshot: A snapshot of this region, neither released nor invalidated.
  /// - Throws: `SnapshotError` with `.invalidArgument` for a snapshot of another region, `.released`,
  ///   `.invalidated` or `.protectionLost`.
  /// - Complexity: O(pages changed since the snapshot), about the time of copying them; while private
  ///   memory may be merged (KSM), O(region). If the store is full and `whenStoreIsFull` is
  ///   `.blockWriters`, waits as a writer would.
  public func restore(to snapshot: MemorySnapshot) throws(SnapshotError) {
    let operation = "restore(to:)"
    try checkProcess(operation)
    guard snapshot.region === self else {
      throw .foreignSnapshot(operation, "restore that one, or copy with copyBytes")
    }
    try snapshot.beginUse(operation)
    defer {
      snapshot.endUse()
      // Writers have waited for this to be over.
      state.value.storeLimit.callKeeperIfStarved()
    }
    try checkProtection(operation)
    try checkMerging(operation)
    Rollback(state, snapshot.reader).run()
  }

  /// Says that the caller is about to write to `range`: keeps the old content now, in bulk, so that
  /// the writes do not fault until the next snapshot.
  ///
  /// Cheaper than one fault per page. Needed before a system call that writes into the region where
  /// such calls fail (`UserfaultSupport.systemCallsMayWrite`), provided that no snapshot is taken
  /// in between.
  ///
  /// - Parameter range: Bytes of the region; whole pages are prepared.
  /// - Throws: `SnapshotError` with `.invalidArgument` for a range outside the region.
  /// - Complexity: O(pages in range), about the time of copying those that a snapshot needs. If the
  ///   store is full and `whenStoreIsFull` is `.blockWriters`, waits as a writer would.
  public func prepareToWrite(_ range: Range<Int>) throws(SnapshotError) {
    try checkProcess("prepareToWrite(_:)")
    preserve(try pages(in: range, "prepareToWrite(_:)"), .intent) { _ in }
  }

  /// Says that the caller is about to write to several ranges: see `prepareToWrite(_:)` for one.
  ///
  /// - Parameter ranges: Bytes of the region, in any order; they may overlap. The pages that they touch are
  ///   prepared in order of their addresses, those of neighbouring ranges together.
  /// - Throws: `SnapshotError` with `.invalidArgument` if one of them is outside the region; nothing is
  ///   prepared then.
  /// - Complexity: O(ranges · log(ranges) + pages in them). Waits as a writer would if the store is full
  ///   and `whenStoreIsFull` is `.blockWriters`.
  public func prepareToWrite(_ ranges: some Sequence<Range<Int>>) throws(SnapshotError) {
    let operation = "prepareToWrite(_:)"
    try checkProcess(operation)
    var touched: [Range<Int>] = []
    for range in ranges { touched.append(try pages(in: range, operation)) }
    // A set takes ranges that ascend each in constant time, and joins neighbours.
    touched.sort { $0.lowerBound < $1.lowerBound }
    for run in RangeSet(touched).ranges { preserve(run, .intent) { _ in } }
  }

  /// Gives pages back to the system; they read as zeros afterwards. Snapshots keep their content.
  ///
  /// Use this instead of madvise(2) or fallocate(2), which would lose what snapshots need.
  ///
  /// Memory that is locked (mlock(2), mlockall(2)) and cannot be given back is zeroed.
  ///
  /// - Parameter range: Bytes of the region, from one page boundary to another.
  /// - Throws: `SnapshotError` with `.invalidArgument` for a range outside the region or not of whole
  ///   pages, `.protectionLost` if the library's descriptors were closed.
  /// - Complexity: O(pages in range), as `prepareToWrite(_:)`. The corresponding system calls are
  ///   madvise(2) with MADV_REMOVE or MADV_DONTNEED, and for locked memory MADV_DONTNEED_LOCKED or
  ///   fallocate(2) with FALLOC_FL_PUNCH_HOLE.
  public func discard(_ range: Range<Int>) throws(SnapshotError) {
    let operation = "discard(_:)"
    try checkProcess(operation)
    let pages = try pages(in: range, operation)
    try checkProtection(operation)
    let pageSize = state.value.layout.pageSize
    guard range.lowerBound % pageSize == 0, range.upperBound % pageSize == 0 else {
      throw .invalidArgument(
        operation, "the range \(range) does not start and end at a page boundary (\(pageSize))")
    }
    var failure: Errno?
    preserve(pages, .intent) { done in
      // Still inside the gate: no snapshot can protect the pages again before they are gone.
      do throws(Errno) {
        try memory.discard(done.lowerBound * pageSize..<done.upperBound * pageSize)
      } catch {
        failure = error
      }
    }
    if let failure { throw fileError(operation, failure) }
  }

  /// How many pages are worked on between two passes of the gate: a snapshot that is being taken
  /// waits for as many at the most.
  private static var pagesPerPass: Int { 512 }

  /// Preserves and un-protects pages and calls `body` with them, a part at a time, with the gate
  /// passed: no snapshot is taken between the two.
  private func preserve(
    _ pages: Range<Int>, _ cause: PreserveCause, _ body: (Range<Int>) -> Void
  ) {
    let resolver = FaultResolver(state)
    var page = pages.lowerBound
    while page < pages.upperBound {
      let saved = Kernel.blockSignals()
      let reliefs = state.value.storeLimit.relief.count()
      state.value.timeline.gate.enterWaiting()
      let end = min(page + MemoryRegion.pagesPerPass, pages.upperBound)
      let done = resolver.preserve(page..<end, cause)
      if done > page { body(page..<done) }
      state.value.timeline.gate.leave()
      Kernel.restoreSignals(saved)
      if done < end { state.value.storeLimit.relief.wait(since: reliefs) }
      page = done
    }
  }
}

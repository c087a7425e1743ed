internal import Synchronization
public import SystemPackage

extension MemorySnapshot {
  /// Writes the whole snapshot to a file, a pipe or a socket, from the descriptor's current offset
  /// on, while writers run.
  ///
  /// In a regular file, runs of zeros become holes; elsewhere, they are written. Interrupted and
  /// short writes are continued, and a descriptor that does not block is waited for. A reader that
  /// has gone, or a file that may not grow so large (RLIMIT_FSIZE), is an error here, not a signal.
  ///
  /// A file is not cut short: what it holds beyond the snapshot's end stays. To save over an older file,
  /// open it with `.truncate`, or write to a new one and rename(2) it, which also leaves the older one whole
  /// until the end.
  ///
  /// Nothing is pinned between blocks of 64 KiB: if `storeLimit` is reached meanwhile, the snapshot may
  /// be invalidated. Open a view to prevent that.
  ///
  /// To start from a saved file, make a region and read(2) the file into it before the first snapshot is
  /// taken: no page is protected until then.
  ///
  /// - Parameters:
  ///   - descriptor: Open for writing; stays open.
  ///   - progress: Called every 16 MiB and at the end with the number of bytes that are written. If it
  ///     throws, `try Task.checkCancellation()` say, the save stops.
  /// - Throws: `SnapshotError` with `.writeFailed`, `.cancelled`, `.released`, `.invalidated` or
  ///   `.protectionLost`; its `bytesWritten` says how many bytes from the start of the snapshot the
  ///   descriptor holds. The snapshot stays readable after `.writeFailed` and `.cancelled`.
  /// - Complexity: O(bytes that are not zero), and one look at each block that is.
  public func write(
    to descriptor: FileDescriptor, progress: ((_ bytesWritten: Int) throws -> Void)? = nil
  ) throws(SnapshotError) {
    try save(to: descriptor, "write(to:)", progress, isConsuming: false)
  }

  /// Writes the whole snapshot to a descriptor, as `write(to:progress:)` does, and lets go of each
  /// part once it is written: pages that no other snapshot needs are un-protected, so that memory
  /// is needed only for what writers overtake, and no write behind the save faults.
  ///
  /// The snapshot is released at the end, or on an error. Nobody else may read it meanwhile. The
  /// region's pages count as changed afterwards: `changedRanges(since:)` reports them, and the next
  /// snapshot protects them anew.
  ///
  /// - Parameters:
  ///   - descriptor: Open for writing; stays open.
  ///   - progress: As for `write(to:progress:)`.
  /// - Throws: As `write(to:progress:)`, and `SnapshotError` with `.invalidArgument` if the snapshot
  ///   is being read or has an open view.
  /// - Complexity: As `write(to:progress:)`, and one ioctl for each block of 64 KiB.
  public func consume(
    to descriptor: FileDescriptor, progress: ((_ bytesWritten: Int) throws -> Void)? = nil
  ) throws(SnapshotError) {
    try beginConsuming("consume(to:)")
    defer { release() }
    try save(to: descriptor, "consume(to:)", progress, isConsuming: true)
  }

  /// Hands out the snapshot part by part, each once and in order, and lets go of each as
  /// `consume(to:progress:)` does.
  ///
  /// - Parameter body: Called with the bytes of each part, at most 64 KiB, and where they stand in the
  ///   region.
  /// - Throws: `ClosureError.snapshot` with the errors of `consume(to:progress:)`, `ClosureError.closure`
  ///   with what `body` throws. The snapshot is released then, too.
  /// - Complexity: O(bytes), and one ioctl for each block of 64 KiB.
  public func consume<Failure: Error>(
    _ body: (_ bytes: RawSpan, _ range: Range<Int>) throws(Failure) -> Void
  ) throws(ClosureError<Failure>) {
    var failure: ClosureError<Failure>?
    unsafe withUnsafeTemporaryAllocation(
      byteCount: MemorySnapshot.bytesPerPass, alignment: 16
    ) { block in
      do throws(ClosureError<Failure>) {
        try unsafe consume(by: block, body)
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
  }

  private func consume<Failure: Error>(
    by block: UnsafeMutableRawBufferPointer,
    _ body: (_ bytes: RawSpan, _ range: Range<Int>) throws(Failure) -> Void
  ) throws(ClosureError<Failure>) {
    let operation = "consume(_:)"
    do throws(SnapshotError) {
      try beginConsuming(operation)
    } catch {
      throw .snapshot(error)
    }
    defer { release() }
    var offset = 0
    while offset < byteCount {
      let range = offset..<min(offset + block.count, byteCount)
      let part = unsafe UnsafeMutableRawBufferPointer(rebasing: block[..<range.count])
      do throws(SnapshotError) {
        try unsafe read(range, to: part, operation, asConsumer: true)
      } catch {
        throw .snapshot(error)
      }
      do throws(Failure) {
        try body(unsafe UnsafeRawBufferPointer(part).bytes, range)
      } catch {
        throw .closure(error)
      }
      // It may have forked, and this be the child.
      do throws(SnapshotError) {
        try region.checkProcess(operation)
      } catch {
        throw .snapshot(error)
      }
      letGo(of: range)
      offset = range.upperBound
    }
  }

  private func beginConsuming(_ operation: String) throws(SnapshotError) {
    try region.checkProcess(operation)
    if record.value.usage.beginConsuming() {
      // What is handed out soon need not be preserved before.
      if region.state.value.timeline.newestLiveEpoch.load(ordering: .relaxed) == reader.epoch {
        region.state.value.hotPages.stop()
      }
      return
    }
    try beginUse(operation)
    endUse()
    throw .invalidArgument(
      operation, "the snapshot is being read or has an open view; finish with that first")
  }

  /// Un-protects pages that this snapshot does not need any more, nor any other. Does nothing if the
  /// snapshot has been released or given up meanwhile.
  private func letGo(of range: Range<Int>) {
    // In use, the snapshot is among the live ones, and so is its older neighbour, whose record goes
    // with it. Otherwise the neighbour may have been freed.
    guard (try? beginUse("consume", asConsumer: true)) != nil else { return }
    defer { endUse() }
    let state = region.state
    let pageSize = state.value.layout.pageSize
    let older = state.value.timeline.control.withLock { _ in
      record.value.older?.value.epoch ?? 0
    }
    let saved = Kernel.blockSignals()
    state.value.timeline.gate.enterWaiting()
    // A newer snapshot needs the pages as they are.
    if state.value.timeline.newestLiveEpoch.load(ordering: .relaxed) == reader.epoch {
      FaultResolver(state).unprotect(
        range.lowerBound / pageSize..<range.upperBound / pageSize, preservedSince: older)
    }
    state.value.timeline.gate.leave()
    Kernel.restoreSignals(saved)
  }

  private func save(
    to descriptor: FileDescriptor, _ operation: String, _ progress: ((Int) throws -> Void)?,
    isConsuming: Bool
  ) throws(SnapshotError) {
    try region.checkProcess(operation)
    var sink = SnapshotSink(descriptor.rawValue)
    var failure: SnapshotError?
    unsafe withUnsafeTemporaryAllocation(
      byteCount: MemorySnapshot.bytesPerPass, alignment: 16
    ) { block in
      do {
        try unsafe save(&sink, block, operation, progress, isConsuming: isConsuming)
        try sink.finish()
      } catch let error as SnapshotError {
        failure = SnapshotError(
          error.code, errno: error.errno, operation: error.operation, message: error.message,
          // The file, and the offset in it, are the parent's as well.
          bytesWritten: error.code == .usedAfterFork ? sink.written : sink.abandon())
      } catch let error as Errno {
        failure = SnapshotError(
          .writeFailed, errno: error, operation: operation,
          message: "the descriptor took no more; what it holds is the start of the snapshot",
          bytesWritten: sink.abandon())
      } catch {
        preconditionFailure("Only the library's and the system's errors can arise here.")
      }
    }
    if let failure { throw failure }
  }

  private func save(
    _ sink: inout SnapshotSink, _ block: UnsafeMutableRawBufferPointer, _ operation: String,
    _ progress: ((Int) throws -> Void)?, isConsuming: Bool
  ) throws {
    var holes = HoleFinder(snapshot: self)
    var offset = 0
    while offset < byteCount {
      let range = offset..<min(offset + block.count, byteCount)
      if try holes.isHole(range, operation, asConsumer: isConsuming) {
        try sink.appendZeros(range.count)
      } else {
        let part = unsafe UnsafeMutableRawBufferPointer(rebasing: block[..<range.count])
        try unsafe read(range, to: part, operation, asConsumer: isConsuming)
        try unsafe sink.append(UnsafeRawBufferPointer(part))
      }
      if isConsuming { letGo(of: range) }
      offset = range.upperBound
      if let progress, offset % (16 << 20) == 0 || offset == byteCount {
        var stop: (any Error)?
        do { try progress(sink.written) } catch { stop = error }
        // It may have forked, and this be the child.
        try region.checkProcess(operation)
        if let stop { throw SnapshotError.cancelled(operation, stop) }
      }
    }
  }
}

/// Tells which parts of a snapshot were never written to: holes of the memory file, found without
/// looking at each of their pages.
private struct HoleFinder {
  let snapshot: MemorySnapshot
  /// Where the hole that was found last ends.
  private var holeEnd = 0

  init(snapshot: MemorySnapshot) { self.snapshot = snapshot }

  mutating func isHole(
    _ range: Range<Int>, _ operation: String, asConsumer: Bool
  ) throws(SnapshotError) -> Bool {
    // Once the snapshot is gone, nothing is preserved for it, and the table no longer tells.
    try snapshot.beginUse(operation, asConsumer: asConsumer)
    defer { snapshot.endUse() }
    let region = snapshot.region
    if holeEnd < range.upperBound {
      if region.memory.isPopulated(range) { return false }
      do {
        holeEnd = try region.memory.nextData(from: range.lowerBound) ?? snapshot.byteCount
      } catch {
        // The number is no longer the file's, or the kernel does not tell: what is not known to be a
        // hole is read.
        return false
      }
    }
    guard holeEnd >= range.upperBound else { return false }
    try region.checkProtection(operation)
    // A hole may have been filled since it was found, or made by `discard(_:)`: then its pages
    // have been preserved first, and the table tells.
    let state = region.state
    let pageSize = state.value.layout.pageSize
    let pages = range.lowerBound / pageSize..<(range.upperBound - 1) / pageSize + 1
    return state.value.versions.table.nextRun(
      preservedSince: snapshot.reader.epoch, in: pages, limit: 1) == nil
  }
}

public import SystemPackage

extension MemorySnapshot {
  /// Writes the whole snapshot to a file, a pipe or a socket, from the descriptor's current offset
  /// on, while writers run.
  ///
  /// In a regular file, runs of zeros become holes; elsewhere, they are written. Interrupted and
  /// short writes are continued, and a descriptor that does not block is waited for. A reader that
  /// has gone is an error here, not a signal.
  ///
  /// Nothing is pinned between blocks of 64 KiB: if `storeLimit` is reached meanwhile, the snapshot may
  /// be invalidated. Open a view to prevent that.
  ///
  /// - Parameters:
  ///   - descriptor: Open for writing; stays open.
  ///   - progress: Called from time to time with the number of bytes that are written.
  /// - Throws: `SnapshotError` with `.writeFailed`, `.released` or `.invalidated`; its `bytesWritten`
  ///   says how many bytes from the start of the snapshot the descriptor holds. The snapshot
  ///   stays readable after `.writeFailed`.
  /// - Complexity: O(bytes that are not zero), and one look at each block that is.
  public func write(
    to descriptor: FileDescriptor, progress: ((_ bytesWritten: Int) -> Void)? = nil
  ) throws(SnapshotError) {
    let operation = "write(to:)"
    try region.checkProcess(operation)
    var sink = SnapshotSink(descriptor.rawValue)
    var failure: SnapshotError?
    unsafe withUnsafeTemporaryAllocation(
      byteCount: MemorySnapshot.bytesPerPass, alignment: 16
    ) { block in
      do {
        unsafe try write(&sink, block, operation, progress)
        try sink.finish()
      } catch let error as SnapshotError {
        failure = SnapshotError(
          error.code, errno: error.errno, operation: error.operation, message: error.message,
          bytesWritten: sink.abandon())
      } catch let error as Errno {
        failure = SnapshotError(
          .writeFailed, errno: error, operation: operation,
          message: "the descriptor took no more; what it holds is the start of the snapshot, and "
            + "the snapshot can be written again",
          bytesWritten: sink.abandon())
      } catch {
        preconditionFailure("Only the library's and the system's errors can arise here.")
      }
    }
    if let failure { throw failure }
  }

  private func write(
    _ sink: inout SnapshotSink, _ block: UnsafeMutableRawBufferPointer, _ operation: String,
    _ progress: ((Int) -> Void)?
  ) throws {
    var holes = HoleFinder(snapshot: self)
    var offset = 0
    while offset < byteCount {
      let end = min(offset + block.count, byteCount)
      if try holes.isHole(offset..<end, operation) {
        try sink.appendZeros(end - offset)
      } else {
        let part = unsafe UnsafeMutableRawBufferPointer(rebasing: block[..<(end - offset)])
        unsafe try read(offset..<end, to: part, operation)
        try unsafe sink.append(UnsafeRawBufferPointer(part))
      }
      offset = end
      if offset % (16 << 20) == 0 || offset == byteCount { progress?(sink.written) }
    }
  }
}

/// Tells which parts of a snapshot were never written to: holes of the memory file, which reading
/// would fill.
private struct HoleFinder {
  let snapshot: MemorySnapshot
  /// Where the hole that was found last ends.
  private var holeEnd = 0

  init(snapshot: MemorySnapshot) { self.snapshot = snapshot }

  mutating func isHole(_ range: Range<Int>, _ operation: String) throws(SnapshotError) -> Bool {
    // Once the snapshot is gone, nothing is preserved for it, and the table no longer tells.
    try snapshot.beginUse(operation)
    defer { snapshot.endUse() }
    guard let file = snapshot.region.memory.file else { return false }
    if holeEnd < range.upperBound {
      holeEnd = Kernel.nextData(file, from: range.lowerBound) ?? snapshot.byteCount
    }
    guard holeEnd >= range.upperBound else { return false }
    // A hole may have been filled since it was found, or made by `discard(_:)`: then its pages
    // have been preserved first, and the table tells.
    let state = unsafe snapshot.region.state
    let pageSize = unsafe state.pointee.pageSize
    let pages = range.lowerBound / pageSize..<(range.upperBound - 1) / pageSize + 1
    return unsafe state.pointee.table.nextRun(
      preservedSince: snapshot.reader.epoch, in: pages, limit: 1) == nil
  }
}

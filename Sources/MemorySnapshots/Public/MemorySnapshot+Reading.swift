extension MemorySnapshot {
  /// How much is copied while the snapshot's pre-images are pinned: a writer that finds the store
  /// full waits for as long.
  static var bytesPerPass: Int { 64 << 10 }

  /// Copies bytes as of the snapshot, while writers run.
  ///
  /// Holes of a `.sharedMemory` region stay holes. In private memory, reading what nobody has written to
  /// costs page-table entries and no memory.
  ///
  /// - Parameters:
  ///   - range: Bytes of the region.
  ///   - buffer: Where they go; at least as large as the range. It may be memory of a region, the
  ///     same one included.
  /// - Throws: `SnapshotError` with `.invalidArgument` for a range outside the region or a buffer
  ///   that is too small, `.released`, `.invalidated` or `.protectionLost`. The buffer holds part of the bytes then.
  /// - Complexity: O(bytes), and for each page O(versions of it that are newer than the snapshot).
  public func copyBytes(
    in range: Range<Int>, into buffer: UnsafeMutableRawBufferPointer
  ) throws(SnapshotError) {
    let operation = "copyBytes(in:into:)"
    try region.checkProcess(operation)
    _ = try region.pages(in: range, operation)
    guard buffer.count >= range.count else {
      throw .invalidArgument(
        operation,
        "the buffer has \(buffer.count) bytes, the range \(range.count); make it larger")
    }
    // By way of a block of our own: writing to the caller's memory may fault, and nothing may be
    // pinned while the fault waits for a slot.
    var failure: SnapshotError?
    unsafe withUnsafeTemporaryAllocation(
      byteCount: min(range.count, MemorySnapshot.bytesPerPass), alignment: 16
    ) { block in
      var offset = range.lowerBound
      while offset < range.upperBound {
        let count = min(block.count, range.upperBound - offset)
        do throws(SnapshotError) {
          try unsafe read(
            offset..<offset + count, to: UnsafeMutableRawBufferPointer(rebasing: block[..<count]),
            operation)
        } catch {
          failure = error
          return
        }
        let start = offset - range.lowerBound
        unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[start...])
          .copyMemory(from: UnsafeRawBufferPointer(rebasing: block[..<count]))
        offset += count
      }
    }
    if let failure { throw failure }
  }

  /// Copies bytes as of the snapshot, as `copyBytes(in:into:)` with a buffer does, into a span.
  ///
  /// - Parameters:
  ///   - range: Bytes of the region.
  ///   - bytes: Where they go, from its start on; at least as large as the range.
  /// - Throws: `SnapshotError` with `.invalidArgument` for a range outside the region or a span that is too
  ///   small, `.released`, `.invalidated` or `.protectionLost`. The span holds part of the bytes then.
  /// - Complexity: O(bytes), and for each page O(versions of it that are newer than the snapshot).
  public func copyBytes(
    in range: Range<Int>, into bytes: inout MutableRawSpan
  ) throws(SnapshotError) {
    try unsafe bytes.withUnsafeMutableBytes { buffer throws(SnapshotError) in
      try unsafe copyBytes(in: range, into: buffer)
    }
  }

  /// Copies bytes as of the snapshot into memory that does not fault. Pins the pre-images meanwhile.
  func read(
    _ range: Range<Int>, to buffer: UnsafeMutableRawBufferPointer, _ operation: String,
    asConsumer: Bool = false
  ) throws(SnapshotError) {
    guard let base = buffer.baseAddress else { return }
    try beginUse(operation, asConsumer: asConsumer)
    defer { endUse() }
    let destination = UInt(bitPattern: base)
    if region.memory.isPopulated(range) || !readFile(range, to: destination) {
      copyPages(range, to: destination) { reader.copy($0, offset: $1, count: $2, to: $3) }
    } else {
      copyPages(range, to: destination) {
        reader.copyIfPreserved($0, offset: $1, count: $2, to: $3)
      }
    }
    if !range.isEmpty {
      region.state.value.protection.confirm(
        try region.pages(in: range, operation), since: reader.epoch,
        region.state.value.versions.table)
    }
    // After reading: a page that was read in its live place was still protected.
    try region.checkProtection(operation)
  }

  /// Reads the live pages by the file, because a load would fill its holes. False if its number is no
  /// longer the file's: a load is as right.
  private func readFile(_ range: Range<Int>, to destination: UInt) -> Bool {
    (try? region.memory.readFile(range, to: destination)) != nil
  }

  /// Calls `copy` with each page in a range of bytes: its number, the part of it that is in the range,
  /// and where that goes.
  private func copyPages(
    _ range: Range<Int>, to destination: UInt,
    _ copy: (_ page: Int, _ offset: Int, _ count: Int, _ destination: UInt) -> Void
  ) {
    let pageSize = region.state.value.layout.pageSize
    var position = range.lowerBound
    while position < range.upperBound {
      let offset = position % pageSize
      let count = min(pageSize - offset, range.upperBound - position)
      copy(
        position / pageSize, offset, count, destination + UInt(position - range.lowerBound))
      position += count
    }
  }
}

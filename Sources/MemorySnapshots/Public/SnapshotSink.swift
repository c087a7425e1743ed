internal import SystemPackage

/// Where a snapshot is written to: a regular file, in which zeros become holes, or anything else.
struct SnapshotSink {
  private let descriptor: Int32
  private let kind: Kind
  /// How many bytes of the snapshot the descriptor has taken.
  private(set) var written = 0

  private enum Kind {
    case stream
    /// A regular file, and the offset in it at which the snapshot starts.
    case file(start: Int, size: Int)
  }

  /// Zeros are looked for in parts of this size, the block size of most file systems.
  private static var grain: Int { 4096 }
  private static var zeros: Int { 64 << 10 }

  init(_ descriptor: Int32) {
    self.descriptor = descriptor
    if let (start, size) = Kernel.regularFile(descriptor) {
      kind = .file(start: start, size: size)
    } else {
      kind = .stream
    }
  }

  mutating func append(_ bytes: UnsafeRawBufferPointer) throws(Errno) {
    guard case .file = kind else { return try unsafe appendData(bytes) }
    var position = 0
    while position < bytes.count {
      let isZero = unsafe SnapshotSink.isZero(bytes, position)
      var end = position
      repeat {
        end = min(end + SnapshotSink.grain, bytes.count)
      } while unsafe end < bytes.count && SnapshotSink.isZero(bytes, end) == isZero
      if isZero {
        try appendZeros(end - position)
      } else {
        try unsafe appendData(UnsafeRawBufferPointer(rebasing: bytes[position..<end]))
      }
      position = end
    }
  }

  private static func isZero(_ bytes: UnsafeRawBufferPointer, _ position: Int) -> Bool {
    let count = min(SnapshotSink.grain, bytes.count - position)
    guard let base = bytes.baseAddress, count >= 16 else { return false }
    return Kernel.isZero(UInt(bitPattern: base) + UInt(position), count: count)
  }

  mutating func appendZeros(_ count: Int) throws(Errno) {
    if case .file(let start, let size) = kind {
      let position = start + written
      // Beyond the end there is nothing to clear: `finish()` sets the size.
      let stale = min(position + count, size)
      if stale <= position || Kernel.clear(descriptor, position..<stale) {
        written += count
        return
      }
    }
    let zeros = [UInt8](repeating: 0, count: min(count, SnapshotSink.zeros))
    var rest = count
    while rest > 0 {
      let part = min(rest, zeros.count)
      try unsafe zeros.span.bytes.withUnsafeBytes { bytes throws(Errno) in
        try unsafe appendData(UnsafeRawBufferPointer(rebasing: bytes[..<part]))
      }
      rest -= part
    }
  }

  private mutating func appendData(_ bytes: UnsafeRawBufferPointer) throws(Errno) {
    var rest = unsafe bytes
    while unsafe !rest.isEmpty {
      do throws(Errno) {
        let count: Int
        switch kind {
        case .stream:
          count = try unsafe Kernel.writeToStream(descriptor, rest)
        case .file(let start, _):
          count = try unsafe Kernel.write(descriptor, rest, at: start + written)
        }
        written += count
        unsafe rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      } catch {
        switch error {
        case .interrupted: continue
        case .resourceTemporarilyUnavailable: try Kernel.waitUntilWritable(descriptor)
        default: throw error
        }
      }
    }
  }

  /// Gives a file its size and moves its offset to the end of the snapshot.
  func finish() throws(Errno) {
    guard case .file(let start, let size) = kind else { return }
    try Kernel.finishFile(descriptor, end: start + written, size: size)
  }

  /// After an error: makes what was written so far readable. Returns how much that is.
  func abandon() -> Int {
    do throws(Errno) {
      try finish()
    } catch {
      // Zeros at the end are a hole, by which the file could not be extended.
      if case .file(let start, _) = kind, let size = Kernel.regularFile(descriptor)?.size {
        return max(0, min(written, size - start))
      }
    }
    return written
  }
}

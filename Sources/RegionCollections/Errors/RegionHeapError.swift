public import MemorySnapshots

/// Why an operation on a heap in a region failed, and what to do about it.
///
/// An operation that throws has left everything as it was.
public struct RegionHeapError: Error, Sendable, Hashable {
  /// The kinds of failure.
  public enum Code: String, Sendable, Hashable, Codable, CaseIterable {
    /// An argument makes no sense.
    case invalidArgument
    /// The heap's capacity does not hold what was asked for.
    case outOfMemory
    /// The region holds no heap.
    case notAHeap
    /// The heap was written by a newer version of the library.
    case newerVersion
    /// The heap was written on a machine of the other byte order.
    case otherByteOrder
    /// The heap's content contradicts itself.
    case damaged
    /// The name stands for a container of another kind, or of elements of another type.
    case otherType
    /// There is no container of that name.
    case noSuchPlace
    /// The store of pre-images is full, and the transaction's snapshot must not be given up.
    case storeFull
    /// A file that a heap was to be read from reported an error.
    case readFailed
    /// Taking, reading or restoring a snapshot failed; `snapshotError` says why.
    case snapshotFailed
  }

  /// The kind of failure.
  public let code: Code
  /// A sentence that says what is wrong and what to do.
  public let message: String
  /// What the region's library said, with `.snapshotFailed`.
  public let snapshotError: SnapshotError?

  init(_ code: Code, _ message: String, snapshotError: SnapshotError? = nil) {
    self.code = code
    self.message = message
    self.snapshotError = snapshotError
  }

  init(_ error: SnapshotError) {
    self.init(.snapshotFailed, error.description, snapshotError: error)
  }

  @usableFromInline
  static func outOfMemory(_ byteCount: Int) -> RegionHeapError {
    RegionHeapError(
      .outOfMemory,
      "the heap has no \(byteCount) bytes left in one piece; make it larger, or remove something")
  }
}

extension RegionHeapError: CustomStringConvertible {
  /// The sentence.
  public var description: String { message }
}

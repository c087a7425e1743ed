// Who saves a snapshot opens a file, and says `.writeOnly`: without an import of its own.
@_exported public import SystemPackage

/// Why an operation on a region, a snapshot or a view failed, and what to do about it.
///
/// An operation that throws has changed nothing and holds nothing, unless its documentation says
/// otherwise.
public struct SnapshotError: Error, Sendable, Hashable {
  /// The kinds of failure.
  public enum Code: String, Sendable, Hashable, Codable, CaseIterable {
    /// An argument makes no sense: a byte count below one, a range outside the region, a snapshot
    /// of another region.
    case invalidArgument
    /// The kernel, the container or the options do not allow it.
    case unsupported
    /// This process may not open a userfaultfd descriptor.
    case notPermitted
    /// The mapping cannot be write-protected: a file, a read-only or a huge-page mapping.
    case unprotectableMapping
    /// Memory, descriptors, threads or mappings have run out.
    case outOfResources
    /// The snapshot was released before.
    case released
    /// The snapshot was given up because the store of pre-images was full.
    case invalidated
    /// The application has closed the library's descriptors, the kernel has merged pages of the region
    /// with equal ones (KSM), or it has refused again and again to let writers go on: writes to the
    /// region go unseen, and its snapshots are void.
    case protectionLost
    /// `MemoryRegion.checkConsistency()` has found what the library and the kernel, or two parts of the
    /// library, do not agree on.
    case inconsistent
    /// A file descriptor reported an error while a snapshot was written to it.
    case writeFailed
    /// The closure that is told of the progress of a save threw an error, to stop it.
    case cancelled
    /// The object was made by the parent of this process.
    case usedAfterFork
    /// A system call failed in a way that none of the above describes.
    case systemCall
  }

  /// The kind of failure.
  public let code: Code
  /// What the kernel answered, where it was asked.
  public let errno: Errno?
  /// The operation that failed: a method of the library or a system call.
  public let operation: String
  /// A sentence that says what is wrong and what to do.
  public let message: String
  /// After `MemorySnapshot.write(to:progress:)` and `consume(to:progress:)`: how many bytes from the start
  /// of the snapshot the descriptor has taken. `nil` after any other operation.
  public let bytesWritten: Int?

  init(
    _ code: Code, errno: Errno? = nil, operation: String, message: String, bytesWritten: Int? = nil
  ) {
    self.code = code
    self.errno = errno
    self.operation = operation
    self.message = message
    self.bytesWritten = bytesWritten
  }
}

extension SnapshotError: CustomStringConvertible {
  /// The operation, the sentence and the system's error in one line.
  public var description: String {
    let reason = errno.map { " (\($0))" } ?? ""
    return "\(operation): \(message)\(reason)"
  }
}

extension SnapshotError {
  static func invalidArgument(_ operation: String, _ message: String) -> SnapshotError {
    SnapshotError(.invalidArgument, operation: operation, message: message)
  }

  static func usedAfterFork(_ operation: String) -> SnapshotError {
    SnapshotError(
      .usedAfterFork, operation: operation,
      message: "this object belongs to the parent process; make a region of your own after fork()")
  }

  static func released(_ operation: String) -> SnapshotError {
    SnapshotError(
      .released, operation: operation,
      message: "the snapshot has been released; read it before calling release()")
  }

  static func invalidated(_ operation: String, bytesWritten: Int? = nil) -> SnapshotError {
    SnapshotError(
      .invalidated, operation: operation,
      message: "the snapshot was given up because the store was full; raise storeLimit or the "
        + "process's limit of memory, release snapshots sooner, or set whenStoreIsFull to "
        + ".blockWriters",
      bytesWritten: bytesWritten)
  }

  static func protectionLost(_ operation: String, byMerging: Bool) -> SnapshotError {
    SnapshotError(
      .protectionLost, operation: operation,
      message: byMerging
        ? "the kernel has merged pages of the region with equal ones (KSM), which takes their "
          + "protection off, and writes may have gone unseen since; spare the region's memory "
          + "madvise(MADV_MERGEABLE), call prctl(PR_SET_MEMORY_MERGE) before making regions if at "
          + "all, and make a new region"
        : "the region's descriptors were closed, by close_range(2) perhaps, or the kernel does not "
          + "un-protect its pages any more, and writes have gone unseen since; spare descriptors "
          + "that are not your own, and make a new region")
  }

  static func cancelled(_ operation: String, _ error: any Error) -> SnapshotError {
    SnapshotError(
      .cancelled, operation: operation,
      message: "the closure that was told of the progress threw \(error); what the descriptor "
        + "holds is the start of the snapshot")
  }

  static func foreignSnapshot(_ operation: String, _ advice: String) -> SnapshotError {
    .invalidArgument(operation, "the snapshot is of another region; \(advice)")
  }

  /// A failed system call that acquires something: sorts exhaustion from the rest.
  static func systemCall(_ operation: String, _ errno: Errno) -> SnapshotError {
    switch errno {
    case .noMemory, .resourceTemporarilyUnavailable:
      SnapshotError(
        .outOfResources, errno: errno, operation: operation,
        message: "the system gave no more memory or threads; check RLIMIT_AS, RLIMIT_NPROC, "
          + "vm.max_map_count and the memory cgroup")
    case .tooManyOpenFiles, .tooManyOpenFilesInSystem:
      SnapshotError(
        .outOfResources, errno: errno, operation: operation,
        message: "no file descriptor is left; a region needs two (raise RLIMIT_NOFILE)")
    case .fileTooLarge:
      SnapshotError(
        .outOfResources, errno: errno, operation: operation,
        message: "the memory file would be larger than files may be (RLIMIT_FSIZE); raise the "
          + "limit, or make the region with the backing .anonymous")
    default:
      SnapshotError(
        .systemCall, errno: errno, operation: operation, message: "the system call failed")
    }
  }
}

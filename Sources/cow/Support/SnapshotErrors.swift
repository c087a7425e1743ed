internal import MemorySnapshots
internal import SystemPackage

extension ToolError {
  /// What a failure of the library is for the user.
  init(_ error: SnapshotError) {
    let exitCode: SystemExit =
      switch error.code {
      case .notPermitted, .unsupported: .unavailable
      case .writeFailed, .cancelled: .inputOutput
      case .outOfResources, .systemCall: .osError
      case .invalidArgument, .unprotectableMapping, .released, .invalidated, .usedAfterFork,
        .protectionLost, .inconsistent:
        .software
      }
    self.init(exitCode, error.description)
  }
}

/// Runs `body`, whose errors of the library become errors of the tool.
func snapshotErrors<Result>(_ body: () throws -> Result) throws -> Result {
  do {
    return try body()
  } catch let error as SnapshotError {
    throw ToolError(error)
  }
}

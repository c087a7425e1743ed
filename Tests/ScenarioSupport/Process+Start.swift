package import Foundation

/// A process gets, and keeps, what other threads open between the moment at which Foundation lists what
/// is to be closed in it and its start: the end of a pipe, or of the socket by which Foundation learns
/// that a process has ended. Whoever waits for the end of either waits for a stranger's, then, who may
/// wait for him. So only one thread at a time makes pipes, or starts a process.
private let startLock = NSLock()

extension Process {
  /// Starts the process, which inherits nothing but its standard streams.
  package func start() throws { try startLock.withLock { try run() } }
}

extension Pipe {
  /// A pipe that no process inherits, but as a standard stream.
  package static func forProcess() -> Pipe { startLock.withLock { Pipe() } }
}

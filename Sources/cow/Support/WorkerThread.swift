internal import Glibc

/// A thread of its own: one that may block in a page fault, which a task of Swift's shared pool
/// should not.
struct WorkerThread: ~Copyable {
  private let thread: pthread_t

  private final class Body: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }

  /// - Throws: `ToolError` with `EX_OSERR`.
  init(_ run: @escaping @Sendable () -> Void) throws(ToolError) {
    let body = unsafe Unmanaged.passRetained(Body(run))
    var thread = pthread_t()
    let status = unsafe pthread_create(&thread, nil, workerBody, body.toOpaque())
    guard status == 0 else {
      unsafe body.release()
      throw ToolError(.osError, "cannot start a thread (errno \(status))")
    }
    self.thread = thread
  }

  /// Waits for the thread to end.
  consuming func join() { pthread_join(thread, nil) }

  fileprivate static func run(_ argument: UnsafeMutableRawPointer) {
    unsafe Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
  }
}

private func workerBody(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  if let argument = unsafe argument { unsafe WorkerThread.run(argument) }
  return nil
}

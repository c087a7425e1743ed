internal import Synchronization
internal import SystemPackage

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// Signals as bytes in a pipe, so that they can be waited for together with keys.
struct SignalWatch: ~Copyable {
  private static let writeEnd = Atomic<Int32>(-1)
  private let pipe: (readEnd: FileDescriptor, writeEnd: FileDescriptor)
  private let numbers: [Int32]

  var descriptor: Int32 { pipe.readEnd.rawValue }

  init(_ numbers: [Int32]) throws(ToolError) {
    self.numbers = numbers
    do {
      pipe = try FileDescriptor.pipe()
    } catch {
      throw ToolError(.osError, "cannot make a pipe: \(error)")
    }
    Self.writeEnd.store(pipe.writeEnd.rawValue, ordering: .relaxed)
    // Whoever started the command may have had them blocked, as threads of a pool do.
    var watched = sigset_t()
    unsafe sigemptyset(&watched)
    for number in numbers { unsafe sigaddset(&watched, number) }
    unsafe _ = pthread_sigmask(SIG_UNBLOCK, &watched, nil)
    for number in numbers {
      _ = signal(number) { number in
        // Only what may be done in a signal handler; whoever is interrupted keeps its errno.
        let saved = errno
        var byte = UInt8(truncatingIfNeeded: number)
        unsafe _ = write(SignalWatch.writeEnd.load(ordering: .relaxed), &byte, 1)
        errno = saved
      }
    }
  }

  deinit {
    for number in numbers { _ = signal(number, SIG_DFL) }
    Self.writeEnd.store(-1, ordering: .relaxed)
    try? pipe.readEnd.close()
    try? pipe.writeEnd.close()
  }

  /// The next signal; one must have arrived.
  func take() -> Int32 {
    var byte: UInt8 = 0
    while unsafe read(descriptor, &byte, 1) < 0, errno == EINTR {}
    return Int32(byte)
  }

  /// Waits until `seconds` have passed, and returns `nil`, or for the next signal.
  func wait(seconds: Double) -> Int32? {
    var watched = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    let due = ContinuousClock.now + .seconds(max(seconds, 0))
    while true {
      let left = max((due - .now) / .seconds(1), 0)
      // One wait is at most a day, which a number of milliseconds holds.
      let ready = unsafe poll(&watched, 1, Int32((min(left, 86_400) * 1000).rounded(.up)))
      if ready > 0 { return take() }
      if ready == 0, left <= 86_400 { return nil }
    }
  }
}

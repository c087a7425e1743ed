internal import MemoryAccounting
internal import Synchronization
internal import SystemPackage

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// Reads page tables in a thread of its own, so that keys are answered meanwhile.
final class Scanner: Sendable {
  /// What is to be read.
  struct Request: Sendable {
    let entries: [ProcessEntry]
    /// What to put the processes together by; each on its own without it.
    let key: GroupKey?
    /// Whether proportional sizes are to be found out, which may stop the processes for a while.
    let includesProportional: Bool
  }

  struct Outcome: Sendable {
    let tree: Result<ProcessTree, ToolError>
    let key: GroupKey?
    /// The processor time that it took.
    let cost: Double
    /// When it was done, by `CLOCK_MONOTONIC`.
    let time: Double
  }

  private struct State: Sendable {
    var request: Request?
    var outcome: Outcome?
  }

  private let state = Mutex(State())
  /// A byte for each request, and one for each outcome.
  private let requests: (readEnd: FileDescriptor, writeEnd: FileDescriptor)
  private let outcomes: (readEnd: FileDescriptor, writeEnd: FileDescriptor)

  /// Starts the thread, which ends with the process.
  init() throws(ToolError) {
    do {
      requests = try FileDescriptor.pipe()
      outcomes = try FileDescriptor.pipe()
    } catch {
      throw ToolError(.osError, "cannot make a pipe: \(error)")
    }
    _ = try WorkerThread { [self] in work() }
  }

  /// Readable when there is an outcome to take.
  var descriptor: Int32 { outcomes.readEnd.rawValue }

  /// Asks for a scan; the one before must have been taken.
  func start(_ request: Request) {
    state.withLock { $0.request = request }
    Self.signal(requests.writeEnd)
  }

  /// The outcome; waits for it.
  func take() -> Outcome {
    while true {
      Self.await(outcomes.readEnd)
      let outcome = state.withLock { state in
        defer { state.outcome = nil }
        return state.outcome
      }
      if let outcome { return outcome }
    }
  }

  private func work() {
    while true {
      Self.await(requests.readEnd)
      guard let request = state.withLock({ $0.request }) else { continue }
      let before = seconds(of: CLOCK_THREAD_CPUTIME_ID)
      let tree = Self.read(request)
      let outcome = Outcome(
        tree: tree, key: request.key, cost: seconds(of: CLOCK_THREAD_CPUTIME_ID) - before,
        time: seconds(of: CLOCK_MONOTONIC))
      state.withLock { $0.outcome = outcome }
      Self.signal(outcomes.writeEnd)
    }
  }

  private static func read(_ request: Request) -> Result<ProcessTree, ToolError> {
    var options = AccountingOptions()
    options.includesProportional = request.includesProportional
    if let key = request.key {
      options.totals = .groups(key.grouping)
    } else {
      options.totals = .subtrees
      options.includesMappings = true
      options.findsWriters = true
    }
    do throws(ToolError) {
      return .success(
        try accounting { [options] () throws(AccountingError) in
          try ProcessTree(entries: request.entries, options: options)
        })
    } catch {
      return .failure(error)
    }
  }

  private static func signal(_ end: FileDescriptor) {
    var byte: UInt8 = 0
    unsafe _ = write(end.rawValue, &byte, 1)
  }

  private static func await(_ end: FileDescriptor) {
    var byte: UInt8 = 0
    while unsafe Glibc.read(end.rawValue, &byte, 1) < 0, errno == EINTR {}
  }
}

/// The time of a clock; the corresponding system call is `clock_gettime`.
func seconds(of clock: clockid_t) -> Double {
  var time = timespec()
  unsafe _ = clock_gettime(clock, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

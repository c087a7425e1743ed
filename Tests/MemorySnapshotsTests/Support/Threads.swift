import Foundation
import Synchronization

/// Runs `body` on a thread of its own and waits for it without blocking the caller's: if `body`
/// hangs, the test's time limit ends the wait, and the test fails.
func onThread<Value: Sendable>(
  _ body: @escaping @Sendable () throws -> Value
) async throws -> Value {
  try await startThread(body).value
}

/// Starts `body` on a thread of its own, now. Not so `async let`: its child waits for a thread of the pool
/// first, and if the test blocks its own thread until `body` has done something, and another test the
/// other, all wait for ever.
func startThread<Value: Sendable>(
  _ body: @escaping @Sendable () throws -> Value
) -> ThreadOutcome<Value> {
  let outcome = ThreadOutcome<Value>()
  // A task, not a bare thread: what it expects is reported as the test's own.
  Task(executorPreference: ThreadPerJob()) { outcome.finish(Result(catching: body)) }
  return outcome
}

/// Runs `body` on `count` threads at once and waits for all of them.
func onThreads(
  _ count: Int, _ body: @escaping @Sendable (_ index: Int) throws -> Void
) async throws {
  try await withThrowingTaskGroup(of: Void.self) { group in
    for index in 0..<count {
      group.addTask { try await onThread { try body(index) } }
    }
    try await group.waitForAll()
  }
}

/// Runs each job on a thread of its own.
private final class ThreadPerJob: TaskExecutor {
  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    let thread = Thread { unsafe job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    thread.stackSize = 1 << 20
    thread.start()
  }
}

/// What a thread has come to, for one task that waits for it.
final class ThreadOutcome<Value: Sendable>: Sendable {
  private struct State {
    var waiter: CheckedContinuation<Value, any Error>?
    var result: Result<Value, any Error>?
  }
  private let state = Mutex(State())

  fileprivate func finish(_ result: sending Result<Value, any Error>) {
    let result = result
    let waiter = state.withLock { state in
      if state.result == nil { state.result = result }
      defer { state.waiter = nil }
      return state.waiter
    }
    waiter?.resume(with: result)
  }

  var value: Value {
    get async throws {
      try await withTaskCancellationHandler {
        try await withCheckedThrowingContinuation { continuation in
          let result = state.withLock { state in
            if state.result == nil { state.waiter = continuation }
            return state.result
          }
          if let result { continuation.resume(with: result) }
        }
      } onCancel: {
        finish(.failure(CancellationError()))
      }
    }
  }
}

/// A word that threads share.
final class Shared<Value: AtomicRepresentable & Sendable>: Sendable {
  let value: Atomic<Value>
  init(_ value: consuming Value) { self.value = Atomic(value) }
}

extension Shared where Value == Bool {
  var isSet: Bool { value.load(ordering: .acquiring) }
  func set() { value.store(true, ordering: .releasing) }
}

extension Shared where Value == Int {
  var now: Int { value.load(ordering: .acquiring) }
  func advance(to next: Int) { value.store(next, ordering: .releasing) }
  @discardableResult
  func increment() -> Int { value.add(1, ordering: .acquiringAndReleasing).newValue }
}

/// Yields until `condition` holds. False if it does not within `limit`.
func eventually(
  within limit: Duration = .seconds(30), _ condition: () throws -> Bool
) async rethrows -> Bool {
  let deadline = ContinuousClock.now + limit
  while try !condition() {
    guard ContinuousClock.now < deadline else { return false }
    await Task.yield()
  }
  return true
}

/// sched_yield(2).
func yieldThread() { sched_yield() }

/// Lets a number of threads go on together, again and again.
final class Barrier: Sendable {
  private let count: Int
  private let arrived = Shared(0)

  init(_ count: Int) { self.count = count }

  func wait() {
    let ticket = arrived.increment()
    let goal = (ticket + count - 1) / count * count
    while arrived.now < goal { sched_yield() }
  }
}

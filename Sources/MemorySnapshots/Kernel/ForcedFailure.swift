internal import CUserfault
internal import Synchronization
package import SystemPackage

/// Makes the kernel refuse, for tests: of the system calls that the library makes from now on, some
/// fail. Has no effect in release builds.
package enum ForcedFailure {
  /// Whose calls fail.
  package enum Threads: Sendable {
    case all
    /// The calls of the thread that asks for it.
    case caller
    /// The calls of all others, the library's own.
    case others
  }

  /// In memory that is zeros at first, shared by all threads. Relaxed throughout, but for `calls`:
  /// its release comes after the rest was stored, its acquire before the rest is loaded.
  fileprivate struct State: ~Copyable {
    /// The kinds that may fail, by their bits.
    let calls = Atomic<UInt64>(0)
    /// How many calls of these kinds succeed before one fails; falls with each.
    let untilFailure = Atomic<Int>(0)
    /// How many fail then.
    let times = Atomic<Int>(0)
    let errno = Atomic<Int32>(0)
    /// The thread whose calls fail, or the one whose calls do not, 0 for none.
    let included = Atomic<UInt64>(0)
    let excluded = Atomic<UInt64>(0)
    /// The kinds that have failed since the process started, and since `fail` was called last.
    let refused = Atomic<UInt64>(0)
    let refusedLately = Atomic<UInt64>(0)
  }

  private static var state: Reference<State> {
    @_noLocks get {
      unsafe Reference(
        at: cuserfault_forced_failure_words().assumingMemoryBound(to: State.self))
    }
  }

  /// Lets `count` calls of these kinds succeed, fails the next `times` with `error`, and lets all
  /// others succeed.
  package static func fail(
    _ calls: [SystemCall] = SystemCall.allCases, of threads: Threads = .all, after count: Int = 0,
    times: Int = 1, with error: Errno
  ) {
    end()
    let words = MemoryLayout<UInt64>.stride * Int(CUSERFAULT_FORCED_FAILURE_WORDS)
    precondition(MemoryLayout<State>.size <= words, "The words for forced failures are too few.")
    let caller = cuserfault_thread_number()
    state.value.included.store(threads == .caller ? caller : 0, ordering: .relaxed)
    state.value.excluded.store(threads == .others ? caller : 0, ordering: .relaxed)
    state.value.errno.store(error.rawValue, ordering: .relaxed)
    state.value.times.store(times, ordering: .relaxed)
    state.value.refusedLately.store(0, ordering: .relaxed)
    state.value.untilFailure.store(count, ordering: .relaxed)
    state.value.calls.store(calls.reduce(0) { $0 | $1.bit }, ordering: .releasing)
  }

  /// Lets all calls succeed.
  package static func end() { state.value.calls.store(0, ordering: .releasing) }

  /// How many calls have failed since `fail` was called last.
  package static var count: Int {
    let beyond = -state.value.untilFailure.load(ordering: .relaxed)
    return max(0, min(beyond, state.value.times.load(ordering: .relaxed)))
  }

  /// The kinds of which a call has ever failed in this process.
  package static var refused: Set<SystemCall> {
    kinds(state.value.refused.load(ordering: .relaxed))
  }

  /// The kinds of which a call has failed since `fail` was called last.
  package static var refusedLately: Set<SystemCall> {
    kinds(state.value.refusedLately.load(ordering: .relaxed))
  }

  private static func kinds(_ bits: UInt64) -> Set<SystemCall> {
    Set(SystemCall.allCases.filter { bits & $0.bit != 0 })
  }

  /// The errno with which a call is to fail, 0 for none. Called before the kernel is asked.
  @_noLocks
  static func refusal(of call: SystemCall) -> Int32 {
    guard state.value.calls.load(ordering: .acquiring) & call.bit != 0 else { return 0 }
    let caller = cuserfault_thread_number()
    let included = state.value.included.load(ordering: .relaxed)
    guard included == 0 || included == caller,
      state.value.excluded.load(ordering: .relaxed) != caller
    else { return 0 }
    let left = state.value.untilFailure.wrappingSubtract(1, ordering: .relaxed).oldValue
    guard left <= 0, -left < state.value.times.load(ordering: .relaxed) else { return 0 }
    state.value.refused.bitwiseOr(call.bit, ordering: .relaxed)
    state.value.refusedLately.bitwiseOr(call.bit, ordering: .relaxed)
    return state.value.errno.load(ordering: .relaxed)
  }
}

extension Reference where Value == ForcedFailure.State {
  @_noLocks
  fileprivate init(at pointer: UnsafeMutablePointer<ForcedFailure.State>) {
    unsafe self.pointer = pointer
  }

  fileprivate var value: ForcedFailure.State {
    @_noLocks unsafeAddress { unsafe UnsafePointer(pointer) }
  }
}

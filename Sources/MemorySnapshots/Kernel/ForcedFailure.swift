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
  private struct State: ~Copyable {
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

  private static var state: UnsafeMutablePointer<State> {
    @_noLocks get {
      unsafe cuserfault_forced_failure_words().assumingMemoryBound(to: State.self)
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
    unsafe state.pointee.included.store(threads == .caller ? caller : 0, ordering: .relaxed)
    unsafe state.pointee.excluded.store(threads == .others ? caller : 0, ordering: .relaxed)
    unsafe state.pointee.errno.store(error.rawValue, ordering: .relaxed)
    unsafe state.pointee.times.store(times, ordering: .relaxed)
    unsafe state.pointee.refusedLately.store(0, ordering: .relaxed)
    unsafe state.pointee.untilFailure.store(count, ordering: .relaxed)
    unsafe state.pointee.calls.store(calls.reduce(0) { $0 | $1.bit }, ordering: .releasing)
  }

  /// Lets all calls succeed.
  package static func end() { unsafe state.pointee.calls.store(0, ordering: .releasing) }

  /// How many calls have failed since `fail` was called last.
  package static var count: Int {
    let beyond = unsafe -state.pointee.untilFailure.load(ordering: .relaxed)
    return unsafe max(0, min(beyond, state.pointee.times.load(ordering: .relaxed)))
  }

  /// The kinds of which a call has ever failed in this process.
  package static var refused: Set<SystemCall> {
    kinds(unsafe state.pointee.refused.load(ordering: .relaxed))
  }

  /// The kinds of which a call has failed since `fail` was called last.
  package static var refusedLately: Set<SystemCall> {
    kinds(unsafe state.pointee.refusedLately.load(ordering: .relaxed))
  }

  private static func kinds(_ bits: UInt64) -> Set<SystemCall> {
    Set(SystemCall.allCases.filter { bits & $0.bit != 0 })
  }

  /// The errno with which a call is to fail, 0 for none. Called before the kernel is asked.
  @_noLocks
  static func refusal(of call: SystemCall) -> Int32 {
    guard unsafe state.pointee.calls.load(ordering: .acquiring) & call.bit != 0 else { return 0 }
    let caller = cuserfault_thread_number()
    let included = unsafe state.pointee.included.load(ordering: .relaxed)
    guard included == 0 || included == caller,
      unsafe state.pointee.excluded.load(ordering: .relaxed) != caller
    else { return 0 }
    let left = unsafe state.pointee.untilFailure.wrappingSubtract(1, ordering: .relaxed).oldValue
    guard left <= 0, unsafe -left < state.pointee.times.load(ordering: .relaxed) else { return 0 }
    unsafe state.pointee.refused.bitwiseOr(call.bit, ordering: .relaxed)
    unsafe state.pointee.refusedLately.bitwiseOr(call.bit, ordering: .relaxed)
    return unsafe state.pointee.errno.load(ordering: .relaxed)
  }
}

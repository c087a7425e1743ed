internal import Synchronization

/// Counts the threads that search the list of `InlineFaults`, so that no region is freed between
/// being found and being counted as in use. Whoever waits for them to be done waits for those that
/// were there before, whatever comes after: threads are counted in turns, and a new one is begun.
///
/// Safe to share: all words are atomic, and in memory that is never unmapped. It is empty in the
/// child of a fork, where the threads that were counted are not.
@safe
struct InlineReaders: @unchecked Sendable {
  /// All zeros at first.
  struct Words: ~Copyable {
    fileprivate let turn = Atomic<Int>(0)
    fileprivate let even = Atomic<Int>(0)
    fileprivate let odd = Atomic<Int>(0)
  }

  private let words: UnsafeMutablePointer<Words>
  private let waiters: BriefWaiters

  @_noLocks
  init(_ memory: ProcessMemory) {
    unsafe words = memory.inlineReaders
    waiters = memory.inlineWaiters
  }

  /// Counts this thread. Returns the turn to end with.
  @_noLocks
  func begin() -> Int {
    while true {
      // Sequentially consistent: either the count is seen by who begins a new turn, or the turn here.
      let turn = unsafe words.pointee.turn.load(ordering: .sequentiallyConsistent)
      add(1, in: turn)
      if unsafe words.pointee.turn.load(ordering: .sequentiallyConsistent) == turn { return turn }
      end(turn)
    }
  }

  @_noLocks
  func end(_ turn: Int) {
    add(-1, in: turn)
    waiters.wake()
  }

  /// Waits until the threads that are counted now are done. One caller at a time.
  func waitForAll() {
    let turn = unsafe words.pointee.turn.add(1, ordering: .sequentiallyConsistent).oldValue
    var wait = BriefWait(waiters)
    defer { wait.end() }
    while count(in: turn) != 0 { wait.next() }
  }

  @_noLocks
  private func add(_ number: Int, in turn: Int) {
    if turn & 1 == 0 {
      unsafe words.pointee.even.wrappingAdd(number, ordering: .sequentiallyConsistent)
    } else {
      unsafe words.pointee.odd.wrappingAdd(number, ordering: .sequentiallyConsistent)
    }
  }

  private func count(in turn: Int) -> Int {
    unsafe turn & 1 == 0
      ? words.pointee.even.load(ordering: .sequentiallyConsistent)
      : words.pointee.odd.load(ordering: .sequentiallyConsistent)
  }
}

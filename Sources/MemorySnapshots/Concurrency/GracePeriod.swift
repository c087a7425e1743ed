internal import Synchronization

/// Lets whoever has taken something away wait for a grace period: until all threads that may have found
/// it before are done. Later ones are not waited for, whatever comes: threads are counted in turns, and a
/// new turn is begun.
///
/// Safe to share: all words are atomic, and in memory that is never unmapped. It is empty in the
/// child of a fork, where the threads that were counted are not.
struct GracePeriod: Sendable {
  /// All zeros at first.
  struct Words: ~Copyable {
    fileprivate let turn = Atomic<Int>(0)
    fileprivate let even = Atomic<Int>(0)
    fileprivate let odd = Atomic<Int>(0)
  }

  private let words: Reference<Words>
  private let waiters: BriefWaiters

  @_noLocks
  init(_ words: Reference<Words>, _ waiters: BriefWaiters) {
    self.words = words
    self.waiters = waiters
  }

  /// Counts this thread as one that searches. Returns the turn to end with.
  @_noLocks
  func beginReading() -> Int {
    while true {
      // Sequentially consistent: either the count is seen by who begins a new turn, or the turn here.
      let turn = words.value.turn.load(ordering: .sequentiallyConsistent)
      add(1, in: turn)
      if words.value.turn.load(ordering: .sequentiallyConsistent) == turn { return turn }
      endReading(turn)
    }
  }

  @_noLocks
  func endReading(_ turn: Int) {
    add(-1, in: turn)
    waiters.wake()
  }

  /// Waits until the threads that search now are done. One caller at a time.
  func wait() {
    let turn = words.value.turn.add(1, ordering: .sequentiallyConsistent).oldValue
    var wait = BriefWait(waiters)
    defer { wait.end() }
    while count(in: turn) != 0 { wait.next() }
  }

  @_noLocks
  private func add(_ number: Int, in turn: Int) {
    if turn & 1 == 0 {
      words.value.even.wrappingAdd(number, ordering: .sequentiallyConsistent)
    } else {
      words.value.odd.wrappingAdd(number, ordering: .sequentiallyConsistent)
    }
  }

  private func count(in turn: Int) -> Int {
    turn & 1 == 0
      ? words.value.even.load(ordering: .sequentiallyConsistent)
      : words.value.odd.load(ordering: .sequentiallyConsistent)
  }
}

extension Reference where Value == GracePeriod.Words {
  @_noLocks
  init(at pointer: UnsafeMutablePointer<GracePeriod.Words>) { unsafe self.pointer = pointer }

  var value: GracePeriod.Words {
    @_noLocks unsafeAddress { unsafe UnsafePointer(pointer) }
  }
}

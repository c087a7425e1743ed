internal import Synchronization

/// Which pages to preserve right after a snapshot, because they are written to in interval after
/// interval, and how often that was right.
///
/// A page that is preserved on a guess does not fault, so nobody knows whether it was written to. In
/// every fourth interval nothing is guessed: the pages that recur and fault then are the hits. They
/// stay known as recurring; the others are forgotten.
struct HotPageGuesses: ~Copyable, Sendable {
  let isEnabled: Bool
  /// The most pages guessed after a snapshot.
  let budget: Int

  /// The page from which on the keeper has to look; `.max` if it has nothing to do.
  private let cursor = Atomic<Int>(.max)
  private let guessed = Atomic<Int>(0)
  private let hits = Atomic<Int>(0)
  private let hitPercentage = Atomic<Int>(-1)

  /// Below this, guessing costs more than it saves: a copy is about an eighth of a fault.
  private static var leastHitPercentage: Int { 25 }

  init(isEnabled: Bool, budget: Int) {
    self.isEnabled = isEnabled
    self.budget = budget
  }

  @_noLocks
  private static func isProving(_ epoch: UInt64) -> Bool { epoch & 3 == 0 }

  /// Starts a new interval. Gate closed.
  func begin(epoch: UInt64) {
    guard isEnabled else { return }
    if HotPageGuesses.isProving(epoch - 1), guessed.load(ordering: .relaxed) > 0 {
      let share = hits.load(ordering: .relaxed) * 100 / guessed.load(ordering: .relaxed)
      hitPercentage.store(min(share, 100), ordering: .relaxed)
    }
    hits.store(0, ordering: .relaxed)
    let known = hitPercentage.load(ordering: .relaxed)
    let isWorthIt = known < 0 || known >= HotPageGuesses.leastHitPercentage
    // A verdict is not for ever: guess again, now and then.
    let isRetrial = epoch & 63 == 1
    // No page recurs before it was written to in two intervals; and to look for some in the first would be
    // to look at all pages, while the next snapshot waits at the gate.
    let isEarly = epoch <= 2
    guard !isEarly, !HotPageGuesses.isProving(epoch), isWorthIt || isRetrial else {
      cursor.store(.max, ordering: .relaxed)
      return
    }
    guessed.store(0, ordering: .relaxed)
    cursor.store(0, ordering: .releasing)
  }

  /// Leaves the rest of this interval's pages alone.
  func stop() { cursor.store(.max, ordering: .relaxed) }

  /// Takes note of a fault on a page whose word was `word`.
  @_noLocks
  func countFault(on word: PageWord, now: UInt64) {
    if HotPageGuesses.isProving(now), word.recurs, word.preserved + 1 == now {
      hits.add(1, ordering: .relaxed)
    }
  }

  /// Of the pages guessed, the share that was written to; `nil` before it was measured.
  var measuredHitPercentage: Int? {
    let known = hitPercentage.load(ordering: .relaxed)
    return known < 0 ? nil : known
  }

  // MARK: - The keeper's side

  var nextPage: Int? {
    let page = cursor.load(ordering: .acquiring)
    return page == .max ? nil : page
  }

  /// Takes note of what was done, unless a new interval has begun meanwhile.
  func advance(from page: Int, to next: Int?, guessed count: Int) {
    let sum = guessed.add(count, ordering: .relaxed).newValue
    let isDone = next == nil || sum >= budget
    _ = cursor.compareExchange(
      expected: page, desired: isDone ? .max : next ?? .max, ordering: .relaxed)
  }
}

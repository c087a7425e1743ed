/// An event count: how often something has happened, and the threads that wait for the next time.
///
/// Whoever tries something that may fail reads the count first, and waits for another: what happens
/// between the attempt and the waiting is not missed, however many others wait and wake meanwhile.
///
/// One word: the count, and whether somebody sleeps.
struct EventCount: Sendable {
  private let word = Futex()
  private static var sleeping: UInt32 { 1 }
  private static var step: UInt32 { 2 }

  func deallocate() { word.deallocate() }

  /// How often it has happened so far.
  @_noLocks
  func count() -> UInt32 { word.load() & ~EventCount.sleeping }

  /// Counts once more, and wakes all who wait.
  @_noLocks
  func advance() {
    var seen = word.load()
    while !word.compareExchange(seen, (seen & ~EventCount.sleeping) &+ EventCount.step) {
      seen = word.load()
    }
    if seen & EventCount.sleeping != 0 { word.wakeAll() }
  }

  /// Waits until it has happened since `count()` returned `seen`.
  @_noLocks
  func wait(since noted: UInt32) {
    var seen = word.load()
    while seen & ~EventCount.sleeping == noted {
      let asleep = noted | EventCount.sleeping
      if seen == asleep || word.compareExchange(seen, asleep) { word.wait(while: asleep) }
      seen = word.load()
    }
  }
}

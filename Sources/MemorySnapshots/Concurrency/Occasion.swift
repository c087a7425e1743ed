/// Something that happens now and then, room being made in the store for one, and threads that wait
/// for the next time.
///
/// Whoever tries something that may fail notes the number before, and waits for another: what happens
/// between the attempt and the waiting is not missed, however many others wait and wake meanwhile.
///
/// One word: the number, and whether somebody sleeps.
struct Occasion: Sendable {
  private let word = Futex()
  private static var sleeping: UInt32 { 1 }
  private static var step: UInt32 { 2 }

  func deallocate() { word.deallocate() }

  /// How often it has happened so far.
  @_noLocks
  func number() -> UInt32 { word.load() & ~Occasion.sleeping }

  /// Says that it has happened, and wakes all who wait.
  @_noLocks
  func announce() {
    var seen = word.load()
    while !word.compareExchange(seen, (seen & ~Occasion.sleeping) &+ Occasion.step) {
      seen = word.load()
    }
    if seen & Occasion.sleeping != 0 { word.wakeAll() }
  }

  /// Waits until it has happened since the number was `noted`.
  @_noLocks
  func wait(since noted: UInt32) {
    var seen = word.load()
    while seen & ~Occasion.sleeping == noted {
      let asleep = noted | Occasion.sleeping
      if seen == asleep || word.compareExchange(seen, asleep) { word.wait(while: asleep) }
      seen = word.load()
    }
  }
}

/// What makes a snapshot a consistent cut: while it is closed, no fault of the region or its views is
/// resolved. It is closed whenever the epochs, the list of open views or a slice change.
///
/// Resolvers pass it shared, for as long as they work on a page. `makeSnapshot()` closes it,
/// protects page after page, and opens it: a thread that hit an early page cannot go on to write
/// a later one that is not protected yet.
///
/// One word: the closed bit, the parked bit, and the number of resolvers inside.
struct Gate: Sendable {
  private let word: Futex
  private static var closed: UInt32 { 1 << 31 }
  private static var parked: UInt32 { 1 << 30 }
  private static var countMask: UInt32 { parked - 1 }

  init() {
    word = Futex()
  }

  func deallocate() { word.deallocate() }

  /// Passes the gate, unless it is closed.
  @_noLocks
  func enter() -> Bool {
    var seen = word.load()
    while seen & Gate.closed == 0 {
      if word.compareExchange(seen, seen + 1) { return true }
      seen = word.load()
    }
    return false
  }

  @_noLocks
  func leave() {
    let now = word.subtract(1)
    if now & Gate.closed != 0, now & Gate.countMask == 0 { word.wakeAll() }
  }

  /// Notes that a fault was put aside because the gate is closed: `open()` will report it.
  /// False if the gate has opened meanwhile, and the fault can be resolved.
  @_noLocks
  func park() -> Bool {
    var seen = word.load()
    while seen & Gate.closed != 0 {
      if word.compareExchange(seen, seen | Gate.parked) { return true }
      seen = word.load()
    }
    return false
  }

  /// Passes the gate, after waiting for it to open if need be. Not for the handler thread, which
  /// serves other regions too.
  @_noLocks
  func enterWaiting() {
    while !enter() {
      if park() { word.wait(while: word.load() | Gate.closed | Gate.parked) }
    }
  }

  /// Closes the gate and waits for the resolvers inside to leave. One closer at a time: the
  /// region's control lock sees to that.
  func close() {
    var seen = word.union(Gate.closed) | Gate.closed
    while seen & Gate.countMask != 0 {
      word.wait(while: seen)
      seen = word.load()
    }
  }

  /// Opens the gate. True if a fault was put aside: wake its thread, which will fault anew.
  func open() -> Bool {
    let parked = word.exchange(0) & Gate.parked != 0
    if parked { word.wakeAll() }
    return parked
  }
}

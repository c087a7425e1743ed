internal import Synchronization
internal import SystemPackage

/// The thread that keeps slots ready: populates them ahead of need, hands memory back after a
/// burst, makes room when a region's store is full, and lifts protection that nobody needs.
///
/// A fault may be waiting for it, and the faulting thread may hold malloc's lock: it does not
/// allocate either.
@safe
struct Keeper {
  private let handler: UnsafeMutablePointer<HandlerState>
  /// How many free slots to have ready; grows when faults run out of them.
  private var reserve: Int
  /// The most slots in use lately; falls by a quarter each tick.
  private var recentPeak = 0

  private var allowance = MemoryAllowance()

  /// When memory was last handed back.
  private var lastTick: UInt64 = 0

  private static var tick: Int64 { 1_000_000_000 }
  /// How long to leave alone a snapshot that is in use before trying to give it up again.
  private static var retryDelay: Int64 { 1_000_000 }
  private static var slicesPerPass: Int { 16 }

  static let body: @convention(c) (UnsafeMutableRawPointer) -> Void = { argument in
    var keeper = unsafe Keeper(argument.assumingMemoryBound(to: HandlerState.self))
    keeper.run()
  }

  private init(_ handler: UnsafeMutablePointer<HandlerState>) {
    unsafe self.handler = handler
    lastTick = Kernel.nanoseconds()
    unsafe reserve = 2 * handler.pointee.store.pointee.reservePages
  }

  private mutating func run() {
    var timeout: Int64 = -1
    // Acquiring: pairs with the store in `FaultHandler.deinit`.
    while unsafe !handler.pointee.isStopping.load(ordering: .acquiring) {
      let call = unsafe handler.pointee.store.pointee.keeperCall
      call.wait(while: 0, nanoseconds: timeout)
      _ = call.exchange(0)
      let hasMemory = refill()
      timeout = serveRegions(hasMemory: hasMemory)
      guard hasSpareMemory else { continue }
      if timeout < 0 { timeout = Keeper.tick }
      handBackMemory()
    }
  }

  // MARK: - Memory

  private mutating func refill() -> Bool {
    let pages = unsafe handler.pointee.store.pointee.pages.freeSlots
    let smallest = unsafe 2 * handler.pointee.store.pointee.reservePages
    if pages == 0 { reserve = min(reserve * 2, 8 * smallest) }
    let handler = unsafe handler
    return unsafe handler.pointee.store.pointee.refill(reservePages: reserve) { byteCount in
      unsafe allowance.takes(byteCount, of: handler.pointee.groups)
    }
  }

  /// Whether there is memory to hand back, now or once a reserve that a burst has raised is lowered
  /// again.
  private var hasSpareMemory: Bool {
    let chunk = unsafe handler.pointee.store.pointee.reservePages
    return unsafe handler.pointee.store.pointee.pages.freeSlots > reserve + chunk
      || reserve > 2 * chunk
  }

  /// Once a tick.
  private mutating func handBackMemory() {
    let now = Kernel.nanoseconds()
    guard now - lastTick >= UInt64(Keeper.tick) else { return }
    lastTick = now
    let used = unsafe handler.pointee.store.pointee.pages.usedSlots
    let smallest = unsafe 2 * handler.pointee.store.pointee.reservePages
    let peak = unsafe handler.pointee.store.pointee.pages.takePeakUse()
    recentPeak = max(peak, recentPeak - recentPeak / 4 - 1)
    reserve = max(reserve / 2, smallest)
    unsafe handler.pointee.store.pointee.shrink(toFreePages: reserve + recentPeak - used)
  }

  // MARK: - Regions

  /// Returns after how many nanoseconds to look again, less than zero for not before a call.
  private func serveRegions(hasMemory: Bool) -> Int64 {
    var next = Int64.max
    let isBlind = unsafe handler.pointee.isBlind.load(ordering: .acquiring)
    unsafe handler.pointee.registry.forEach { region in
      let again = unsafe region.pointee.makeUpForRefusals(isBlind: isBlind)
      if again >= 0 { next = min(next, again) }
      if unsafe region.pointee.isStarved.load(ordering: .acquiring) {
        switch unsafe region.pointee.relieve(hasMemory: hasMemory) {
        case .done: break
        case .needsSlots, .isMakingRoom: next = 0
        case .needsPatience: next = min(next, Keeper.retryDelay)
        }
      }
      if unsafe region.pointee.continueDeparture() { next = 0 }
      let rest = unsafe region.pointee.disarm(slices: Keeper.slicesPerPass)
      if rest >= 0 { next = min(next, rest) }
      let more = unsafe region.pointee.preserveHotPages(FaultResolver(region: region))
      if more >= 0 { next = min(next, more) }
    }
    return next == .max ? -1 : next
  }
}

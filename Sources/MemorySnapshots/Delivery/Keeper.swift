internal import Synchronization
internal import SystemPackage

/// The thread that keeps slots ready: populates them ahead of need, hands memory back after a
/// burst, makes room when a region's store is full, lifts protection that nobody needs, goes on with
/// snapshots that are going, preserves hot pages, and makes up for what the kernel has refused.
///
/// A fault may be waiting for it, and the faulting thread may hold malloc's lock: it does not
/// allocate either.
struct Keeper {
  private let handler: Reference<HandlerState>
  /// How many free slots to have ready; grows when faults run out of them.
  private var reserve: Int
  /// The most slots in use lately; falls by a quarter each tick.
  private var recentPeak = 0

  /// When memory was last handed back.
  private var lastTick: UInt64 = 0

  private static var tick: Int64 { 1_000_000_000 }
  /// How long to wait before trying again what needs patience: see `RegionState.Relief`.
  private static var retryDelay: Int64 { 1_000_000 }
  private static var slicesPerPass: Int { 16 }

  static let body: @convention(c) (UnsafeMutableRawPointer) -> Void = { argument in
    var keeper = unsafe Keeper(Reference(at: argument.assumingMemoryBound(to: HandlerState.self)))
    keeper.run()
  }

  private init(_ handler: Reference<HandlerState>) {
    self.handler = handler
    lastTick = Kernel.nanoseconds()
    reserve = 2 * handler.value.store.value.reservePages
  }

  private mutating func run() {
    var timeout: Int64 = -1
    // Acquiring: pairs with the store in `FaultHandler.stop`.
    while !handler.value.isStopping.load(ordering: .acquiring) {
      handler.value.store.value.keeper.wait(nanoseconds: timeout)
      let hasMemory = refill()
      timeout = serveRegions(hasMemory: hasMemory)
      guard hasSpareMemory else { continue }
      if timeout < 0 { timeout = Keeper.tick }
      handBackMemory()
    }
  }

  // MARK: - Memory

  private mutating func refill() -> Bool {
    let pages = handler.value.store.value.pages.freeSlots
    let smallest = 2 * handler.value.store.value.reservePages
    // Not at first, when none has been needed: many stores that are not used would take much memory.
    let hasRunOut = pages == 0 && handler.value.store.value.pages.populatedBytes > 0
    if hasRunOut { reserve = min(reserve * 2, 8 * smallest) }
    let handler = handler
    var taken = 0
    let store = handler.value.store
    let hasMemory = store.value.refill(reservePages: reserve) { byteCount in
      Keeper.withAllowance { allowance in
        // The chunk before is populated by now.
        allowance.settle(taken)
        taken = 0
        guard allowance.reserve(byteCount, of: handler.value.groups) else { return false }
        taken = byteCount
        return true
      }
    }
    if taken > 0 { Keeper.withAllowance { $0.settle(taken) } }
    return hasMemory
  }

  /// Calls `body` with what all stores of the process share, under its lock. Only keepers hold it, for as
  /// long as it takes to ask the kernel.
  private static func withAllowance<Result>(_ body: (inout MemoryAllowance) -> Result) -> Result {
    // Known: `FaultHandler` makes it before it starts a keeper.
    guard let memory = ProcessMemory.known else {
      var own = MemoryAllowance()
      return body(&own)
    }
    let lock = memory.allowanceLock
    lock.lock()
    defer { lock.unlock() }
    return body(&memory.allowance.value)
  }

  /// Whether there is memory to hand back, now or once a reserve that a burst has raised is lowered
  /// again.
  private var hasSpareMemory: Bool {
    let chunk = handler.value.store.value.reservePages
    return handler.value.store.value.pages.freeSlots > reserve + chunk
      || reserve > 2 * chunk
  }

  /// Once a tick.
  private mutating func handBackMemory() {
    let now = Kernel.nanoseconds()
    guard now - lastTick >= UInt64(Keeper.tick) else { return }
    lastTick = now
    let used = handler.value.store.value.pages.usedSlots
    let smallest = 2 * handler.value.store.value.reservePages
    let peak = handler.value.store.value.pages.takePeakUse()
    recentPeak = max(peak, recentPeak - recentPeak / 4 - 1)
    reserve = max(reserve / 2, smallest)
    handler.value.store.value.shrink(toFreePages: reserve + recentPeak - used)
  }

  // MARK: - Regions

  /// Returns after how many nanoseconds to look again, less than zero for not before a call.
  private func serveRegions(hasMemory: Bool) -> Int64 {
    var next = Int64.max
    let isBlind = handler.value.isBlind.load(ordering: .acquiring)
    handler.value.registry.forEach { entry in
      let region = entry.region
      let again = region.value.makeUpForRefusals(
        isAbandoned: isBlind && entry.isServedByThreads)
      if again >= 0 { next = min(next, again) }
      if region.value.storeLimit.isStarved {
        switch region.value.relieve(hasMemory: hasMemory) {
        case .done: break
        case .needsSlots, .isMakingRoom: next = 0
        case .needsPatience: next = min(next, Keeper.retryDelay)
        }
      }
      if region.value.reconsiderLimit() { next = min(next, Keeper.retryDelay) }
      if region.value.continueDeparture() { next = 0 }
      let rest = region.value.disarm(slices: Keeper.slicesPerPass)
      if rest >= 0 { next = min(next, rest) }
      let more = FaultResolver(region).continueGuessing()
      if more >= 0 { next = min(next, more) }
    }
    return next == .max ? -1 : next
  }
}

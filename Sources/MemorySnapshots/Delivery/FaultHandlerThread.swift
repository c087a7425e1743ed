internal import CUserfault
internal import Synchronization

/// A thread that answers the faults of many regions: waits for messages, reads them in batches,
/// and hands each to the resolver. Nothing here allocates or locks.
enum FaultHandlerThread {
  private static var batchSize: Int {
    @_noLocks get { 16 }
  }

  static let body: @convention(c) (UnsafeMutableRawPointer) -> Void = { argument in
    let thread = unsafe Reference(at: argument.assumingMemoryBound(to: HandlerThreadState.self))
    unsafe withUnsafeTemporaryAllocation(of: Kernel.Message.self, capacity: batchSize) { messages in
      unsafe withUnsafeTemporaryAllocation(of: UInt64.self, capacity: batchSize) { tags in
        guard let messages = messages.baseAddress, let tags = tags.baseAddress else { return }
        unsafe serve(
          thread, FixedArray(count: batchSize, at: messages),
          FixedArray(count: batchSize, at: tags))
      }
    }
  }

  @_noLocks
  private static func serve(
    _ thread: Reference<HandlerThreadState>,
    _ messages: FixedArray<Kernel.Message>, _ tags: FixedArray<UInt64>
  ) {
    let handler = thread.value.handler
    _ = thread.value.number.exchange(Kernel.threadNumber())
    thread.value.number.wakeAll()
    var pace = FaultPace()
    var latest = LatestRegion(handler)
    // What follows takes no lock that a forked child might find held.
    Kernel.endWork()
    // Acquiring: pairs with the store in `FaultHandler.stop`.
    while !handler.value.isStopping.load(ordering: .acquiring) {
      // A region of several would keep the others waiting.
      let isAlone = handler.value.regionCount.load(ordering: .relaxed) == 1
      let isAnswered = isAlone && pace.isDense && poll(latest, thread, messages)
      let ready = isAnswered ? 0 : wait(handler, tags, &pace)
      // Acquiring: pairs with the store in `FaultHandlers.add`. What was found ready since is another
      // handler's, which hears of it, too.
      if ready < 0 || handler.value.isBlind.load(ordering: .acquiring) {
        // Somebody has closed the descriptor: the keeper lets all writers go on.
        handler.value.isBlind.store(true, ordering: .releasing)
        thread.value.passes.wakeAll()
        handler.value.store.value.keeper.call()
        return
      }
      for index in 0..<Int(ready) {
        let tag = UInt(truncatingIfNeeded: tags[index])
        guard tag != HandlerState.eventTag else { continue }
        // All other tags are the addresses of regions.
        let region: Reference<RegionState> = unsafe Reference(address: tag)
        _ = answer(region, thread, messages)
        latest.region = region
      }
      _ = thread.value.passes.add(1)
      latest.forgetIfRemoved(handler)
      if handler.value.isAwaited.load(ordering: .sequentiallyConsistent) {
        thread.value.passes.wakeAll()
        Kernel.yield()
      }
    }
  }

  /// Waits for messages: for a moment without sleeping while faults are dense, because waking a
  /// sleeper takes longer than resolving a fault.
  @_noLocks
  private static func wait(
    _ handler: Reference<HandlerState>, _ tags: FixedArray<UInt64>,
    _ pace: inout FaultPace
  ) -> Int32 {
    // Another epoll may have the number by now: its events would be taken for regions, and ours would
    // never come. The writer that was answered last is awake already.
    guard handler.value.hasDescriptors else { return -1 }
    let epoll = handler.value.epoll.rawValue
    let start = Kernel.nanoseconds()
    if pace.isDense {
      repeat {
        let ready = Kernel.epollWait(epoll, tags, blocks: false)
        if ready != 0 { return ready }
        Kernel.yield()
      } while Kernel.nanoseconds() &- start < FaultPace.longestGap
    }
    let ready = Kernel.epollWait(epoll, tags, blocks: true)
    pace.add(gap: Kernel.nanoseconds() &- start)
    return ready
  }

  /// Reads the next message of the only region without asking epoll first, which takes a system call.
  @_noLocks
  private static func poll(
    _ latest: LatestRegion, _ thread: Reference<HandlerThreadState>,
    _ messages: FixedArray<Kernel.Message>
  ) -> Bool {
    guard let region = latest.region else { return false }
    for _ in 0..<LatestRegion.attempts {
      // Nobody has said that there is a message. If the number is another kind of file's by now, reading
      // it would take what is somebody else's.
      guard region.value.protection.hasUserfaultfd else { return false }
      if answer(region, thread, messages) { return true }
      Kernel.yield()
    }
    return false
  }

  /// Answers the messages that a region has. False if it has none.
  @_noLocks
  private static func answer(
    _ region: Reference<RegionState>, _ thread: Reference<HandlerThreadState>,
    _ messages: FixedArray<Kernel.Message>
  ) -> Bool {
    let descriptor = region.value.protection.descriptor
    let count = Kernel.readMessages(
      descriptor, messages, neverWaits: region.value.protection.isReadWithoutWaiting)
    guard count > 0 else { return false }
    // Asked after reading: a number that was closed and used again before may be that of a region
    // at this one's address, made since this thread was last on a processor. That needs this one to
    // go first. Acquiring: pairs with the store in `ThreadDelivery.end`.
    let isGoing = region.value.isGoing.load(ordering: .acquiring)
    var start = Kernel.nanoseconds()
    for index in 0..<Int(count) {
      let message = messages[index]
      guard message.event == CUSERFAULT_EVENT_PAGEFAULT else { continue }
      let address = UInt(truncatingIfNeeded: message.address)
      let isOurs = !isGoing && region.value.layout.contains(address)
      guard isOurs || region.value.protection.hasDescriptor else {
        passBack(address, region)
        continue
      }
      if message.flags & CUSERFAULT_PAGEFAULT_WRITE_PROTECT != 0 {
        // Before Linux 5.12, one userfaultfd is not told from another.
        guard region.value.layout.contains(address) else {
          passBack(address, region)
          continue
        }
        answerWriteFault(region, address, start)
      } else {
        MissingPageResolver(region)
          .resolve(address, scratch: thread.value.scratch.address)
      }
      start = Kernel.nanoseconds()
    }
    return true
  }

  /// Answers a message that is not for the region: somebody has closed its descriptor, and the number
  /// is that of another userfaultfd by now, whose message this was. The thread that waits for the answer
  /// is woken there; it faults anew, and whoever the descriptor belongs to gets to know of it.
  @_noLocks
  private static func passBack(_ address: UInt, _ region: Reference<RegionState>) {
    region.value.protection.noteLoss()
    let layout = region.value.layout
    _ = Kernel.wake(
      region.value.protection.descriptor, layout.pageStart(address), layout.pageSize)
  }

  @_noLocks
  private static func answerWriteFault(
    _ region: Reference<RegionState>, _ address: UInt, _ start: UInt64
  ) {
    switch FaultResolver(region).resolve(region.value.layout.page(at: address)) {
    case .resolved:
      region.value.counters.serviceTime.add(
        nanoseconds: Kernel.nanoseconds() &- start)
    case .duplicate, .alreadyUnprotected, .underWay:
      region.value.counters.duplicateMessages.add(1, ordering: .relaxed)
    case .parkedAtGate, .starved:
      region.value.counters.parkedFaults.add(1, ordering: .relaxed)
    }
  }
}

/// The region whose message a handler thread read last.
private struct LatestRegion {
  var region: Reference<RegionState>?
  private var removals: UInt64

  static var attempts: Int {
    @_noLocks get { 8 }
  }

  @_noLocks
  init(_ handler: Reference<HandlerState>) {
    region = nil
    removals = handler.value.removals.load(ordering: .sequentiallyConsistent)
  }

  /// Whoever removes a region counts the removal, and frees it when the thread has counted a pass
  /// since. So this comes between a pass's count and the next look at the region.
  @_noLocks
  mutating func forgetIfRemoved(_ handler: Reference<HandlerState>) {
    let now = handler.value.removals.load(ordering: .sequentiallyConsistent)
    guard now != removals else { return }
    removals = now
    region = nil
  }
}

/// Whether faults come so fast that the next is worth waiting for without sleeping.
private struct FaultPace {
  private var shortGaps = 0

  /// The longest time between two faults that counts as dense, and the longest to wait for the
  /// next: about what it costs to fall asleep and be woken.
  static var longestGap: UInt64 {
    @_noLocks get { 100_000 }
  }

  private static var threshold: Int {
    @_noLocks get { 8 }
  }

  @_noLocks
  init() {}

  var isDense: Bool {
    @_noLocks get { shortGaps >= FaultPace.threshold }
  }

  /// Takes note of how long the thread had to sleep for the next fault.
  @_noLocks
  mutating func add(gap: UInt64) {
    shortGaps = gap < FaultPace.longestGap ? shortGaps + 1 : 0
  }
}

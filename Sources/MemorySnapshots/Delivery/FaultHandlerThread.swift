internal import CUserfault
internal import Synchronization

/// A thread that answers the faults of many regions: waits for messages, reads them in batches,
/// and hands each to the resolver. Nothing here allocates or locks.
enum FaultHandlerThread {
  private static var batchSize: Int {
    @_noLocks get { 16 }
  }

  static let body: @convention(c) (UnsafeMutableRawPointer) -> Void = { argument in
    let thread = unsafe argument.assumingMemoryBound(to: HandlerThreadState.self)
    unsafe withUnsafeTemporaryAllocation(of: Kernel.Message.self, capacity: batchSize) { messages in
      unsafe withUnsafeTemporaryAllocation(of: UInt64.self, capacity: batchSize) { tags in
        guard let messages = messages.baseAddress, let tags = tags.baseAddress else { return }
        unsafe serve(thread, messages, tags)
      }
    }
  }

  @_noLocks
  private static func serve(
    _ thread: UnsafeMutablePointer<HandlerThreadState>,
    _ messages: UnsafeMutablePointer<Kernel.Message>, _ tags: UnsafeMutablePointer<UInt64>
  ) {
    let handler = unsafe thread.pointee.handler
    _ = unsafe thread.pointee.number.exchange(Kernel.threadNumber())
    unsafe thread.pointee.number.wakeAll()
    var pace = FaultPace()
    var latest = unsafe LatestRegion(handler)
    // Acquiring: pairs with the store in `FaultHandler.stop`.
    while unsafe !handler.pointee.isStopping.load(ordering: .acquiring) {
      // A region of several would keep the others waiting.
      let isAlone = unsafe handler.pointee.regionCount.load(ordering: .relaxed) == 1
      let isAnswered = unsafe isAlone && pace.isDense && poll(latest, thread, messages)
      let ready = unsafe isAnswered ? 0 : wait(handler, tags, &pace)
      // Acquiring: pairs with the store in `FaultHandlers.add`. What was found ready since is another
      // handler's, which hears of it, too.
      if unsafe ready < 0 || handler.pointee.isBlind.load(ordering: .acquiring) {
        // Somebody has closed the descriptor: the keeper lets all writers go on.
        unsafe handler.pointee.isBlind.store(true, ordering: .releasing)
        unsafe thread.pointee.passes.wakeAll()
        unsafe handler.pointee.store.pointee.callKeeper()
        return
      }
      for index in 0..<Int(ready) {
        let tag = UInt(truncatingIfNeeded: unsafe tags[index])
        if let region = unsafe UnsafeMutablePointer<RegionState>(bitPattern: tag) {
          _ = unsafe answer(region, thread, messages)
          unsafe latest.region = region
        }
      }
      _ = unsafe thread.pointee.passes.add(1)
      unsafe latest.forgetIfRemoved(handler)
      if unsafe handler.pointee.isAwaited.load(ordering: .sequentiallyConsistent) {
        unsafe thread.pointee.passes.wakeAll()
        Kernel.yield()
      }
    }
  }

  /// Waits for messages: for a moment without sleeping while faults are dense, because waking a
  /// sleeper takes longer than resolving a fault.
  @_noLocks
  private static func wait(
    _ handler: UnsafeMutablePointer<HandlerState>, _ tags: UnsafeMutablePointer<UInt64>,
    _ pace: inout FaultPace
  ) -> Int32 {
    // Another epoll may have the number by now: its events would be taken for regions, and ours would
    // never come. The writer that was answered last is awake already.
    guard unsafe handler.pointee.hasDescriptors else { return -1 }
    let epoll = unsafe handler.pointee.epoll.rawValue
    let start = Kernel.nanoseconds()
    if pace.isDense {
      repeat {
        let ready = unsafe Kernel.epollWait(epoll, tags, batchSize, blocks: false)
        if ready != 0 { return ready }
        Kernel.yield()
      } while Kernel.nanoseconds() &- start < FaultPace.longestGap
    }
    let ready = unsafe Kernel.epollWait(epoll, tags, batchSize, blocks: true)
    pace.add(gap: Kernel.nanoseconds() &- start)
    return ready
  }

  /// Reads the next message of the only region without asking epoll first, which takes a system call.
  @_noLocks
  private static func poll(
    _ latest: LatestRegion, _ thread: UnsafeMutablePointer<HandlerThreadState>,
    _ messages: UnsafeMutablePointer<Kernel.Message>
  ) -> Bool {
    guard let region = unsafe latest.region else { return false }
    for _ in 0..<LatestRegion.attempts {
      // Nobody has said that there is a message. If the number is another file's by now, reading it
      // would take what is somebody else's.
      guard unsafe region.pointee.hasDescriptor else { return false }
      if unsafe answer(region, thread, messages) { return true }
      Kernel.yield()
    }
    return false
  }

  /// Answers the messages that a region has. False if it has none.
  @_noLocks
  private static func answer(
    _ region: UnsafeMutablePointer<RegionState>, _ thread: UnsafeMutablePointer<HandlerThreadState>,
    _ messages: UnsafeMutablePointer<Kernel.Message>
  ) -> Bool {
    let descriptor = unsafe region.pointee.descriptor
    let count = unsafe Kernel.readMessages(descriptor, messages, batchSize)
    guard count > 0 else { return false }
    // Asked after reading: a number that was closed and used again before may be that of a region
    // at this one's address, made since this thread was last on a processor.
    let isOurs = unsafe region.pointee.hasDescriptor
    var start = Kernel.nanoseconds()
    for index in 0..<Int(count) {
      let message = unsafe messages[index]
      guard message.event == CUSERFAULT_EVENT_PAGEFAULT else { continue }
      let address = UInt(truncatingIfNeeded: message.address)
      guard isOurs else {
        unsafe passBack(address, region)
        continue
      }
      if message.flags & CUSERFAULT_PAGEFAULT_WRITE_PROTECT != 0 {
        // Before Linux 5.12, one userfaultfd is not told from another.
        guard unsafe region.pointee.contains(address) else {
          unsafe passBack(address, region)
          continue
        }
        unsafe answerWriteFault(region, address, start)
      } else {
        unsafe MissingPageResolver(region: region)
          .resolve(address, scratch: thread.pointee.scratch.address)
      }
      start = Kernel.nanoseconds()
    }
    return true
  }

  /// Answers a message that is not for the region: somebody has closed its descriptor, and the number
  /// is that of another userfaultfd by now, whose message this was. The thread that waits for the answer
  /// is woken there; it faults anew, and whoever the descriptor belongs to gets to know of it.
  @_noLocks
  private static func passBack(_ address: UInt, _ region: UnsafeMutablePointer<RegionState>) {
    // Releasing, as in `hasLostProtection`.
    unsafe region.pointee.isUnguarded.store(true, ordering: .releasing)
    let pageSize = unsafe region.pointee.pageSize
    _ = unsafe Kernel.wake(
      region.pointee.descriptor, address & ~UInt(pageSize - 1), pageSize)
  }

  @_noLocks
  private static func answerWriteFault(
    _ region: UnsafeMutablePointer<RegionState>, _ address: UInt, _ start: UInt64
  ) {
    let page = unsafe Int((address - region.pointee.address) / UInt(region.pointee.pageSize))
    let outcome = unsafe FaultResolver(region: region).resolve(page)
    switch outcome {
    case .resolved:
      unsafe region.pointee.counters.serviceTime.add(
        nanoseconds: Kernel.nanoseconds() &- start)
    case .duplicate, .alreadyOpen, .underWay:
      unsafe region.pointee.counters.duplicateMessages.add(1, ordering: .relaxed)
    case .parkedAtGate, .starved:
      unsafe region.pointee.counters.parkedFaults.add(1, ordering: .relaxed)
    }
  }
}

/// The region whose message a handler thread read last.
@safe
private struct LatestRegion {
  var region: UnsafeMutablePointer<RegionState>?
  private var removals: UInt64

  static var attempts: Int {
    @_noLocks get { 8 }
  }

  @_noLocks
  init(_ handler: UnsafeMutablePointer<HandlerState>) {
    unsafe region = nil
    removals = unsafe handler.pointee.removals.load(ordering: .sequentiallyConsistent)
  }

  /// Whoever removes a region counts the removal, and frees it when the thread has counted a pass
  /// since. So this comes between a pass's count and the next look at the region.
  @_noLocks
  mutating func forgetIfRemoved(_ handler: UnsafeMutablePointer<HandlerState>) {
    let now = unsafe handler.pointee.removals.load(ordering: .sequentiallyConsistent)
    guard now != removals else { return }
    removals = now
    unsafe region = nil
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

internal import CUserfault
internal import Synchronization

/// The thread that answers the faults of many regions: waits for messages, reads them in batches,
/// and hands each to the resolver. Nothing here allocates or locks.
enum FaultHandlerThread {
  private static var batchSize: Int {
    @_noLocks get { 16 }
  }

  static let body: @convention(c) (UnsafeMutableRawPointer) -> Void = { argument in
    let handler = unsafe argument.assumingMemoryBound(to: HandlerState.self)
    unsafe withUnsafeTemporaryAllocation(of: Kernel.Message.self, capacity: batchSize) { messages in
      unsafe withUnsafeTemporaryAllocation(of: UInt64.self, capacity: batchSize) { tags in
        guard let messages = messages.baseAddress, let tags = tags.baseAddress else { return }
        unsafe serve(handler, messages, tags)
      }
    }
  }

  @_noLocks
  private static func serve(
    _ handler: UnsafeMutablePointer<HandlerState>, _ messages: UnsafeMutablePointer<Kernel.Message>,
    _ tags: UnsafeMutablePointer<UInt64>
  ) {
    // Acquiring: pairs with the store in `FaultHandler.deinit`.
    while unsafe !handler.pointee.isStopping.load(ordering: .acquiring) {
      let ready = unsafe Kernel.epollWait(handler.pointee.epoll.rawValue, tags, batchSize)
      for index in 0..<max(Int(ready), 0) {
        let tag = UInt(truncatingIfNeeded: unsafe tags[index])
        if let region = unsafe UnsafeMutablePointer<RegionState>(bitPattern: tag) {
          unsafe answer(region, handler, messages)
        } else {
          Kernel.drainEvent(unsafe handler.pointee.event.rawValue)
        }
      }
      _ = unsafe handler.pointee.passes.add(1)
      if unsafe handler.pointee.passWaiters.load(ordering: .sequentiallyConsistent) > 0 {
        unsafe handler.pointee.passes.wakeAll()
      }
    }
  }

  @_noLocks
  private static func answer(
    _ region: UnsafeMutablePointer<RegionState>, _ handler: UnsafeMutablePointer<HandlerState>,
    _ messages: UnsafeMutablePointer<Kernel.Message>
  ) {
    let descriptor = unsafe region.pointee.descriptor
    let count = unsafe Kernel.readMessages(descriptor, messages, batchSize)
    guard count > 0 else { return }
    var start = Kernel.nanoseconds()
    for index in 0..<Int(count) {
      let message = unsafe messages[index]
      guard message.event == CUSERFAULT_EVENT_PAGEFAULT else { continue }
      let address = UInt(truncatingIfNeeded: message.address)
      if message.flags & CUSERFAULT_PAGEFAULT_WRITE_PROTECT != 0 {
        unsafe answerWriteFault(region, address, start)
      } else {
        unsafe MissingPageResolver(region: region)
          .resolve(address, scratch: handler.pointee.scratch.address)
      }
      start = Kernel.nanoseconds()
    }
  }

  @_noLocks
  private static func answerWriteFault(
    _ region: UnsafeMutablePointer<RegionState>, _ address: UInt, _ start: UInt64
  ) {
    let page = unsafe Int((address - region.pointee.address) / UInt(region.pointee.pageSize))
    let outcome = unsafe FaultResolver(region: region).resolve(page)
    switch outcome {
    case .resolved:
      unsafe region.pointee.counters.writeFaults.add(1, ordering: .relaxed)
      unsafe region.pointee.counters.serviceTime.add(
        nanoseconds: Kernel.nanoseconds() &- start)
    case .duplicate:
      unsafe region.pointee.counters.duplicateMessages.add(1, ordering: .relaxed)
    case .parkedAtGate, .starved:
      unsafe region.pointee.counters.parkedFaults.add(1, ordering: .relaxed)
    }
  }
}

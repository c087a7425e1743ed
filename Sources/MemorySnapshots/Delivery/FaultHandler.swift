internal import Synchronization
internal import SystemPackage

/// One or more handler threads and a keeper thread, with the store of pre-images that their regions
/// share. Lives as long as a region uses it; its threads are joined when it goes.
///
/// Safe to share: the state is freed in `deinit`, after all threads have ended.
@safe
final class FaultHandler: @unchecked Sendable {
  let state: UnsafeMutablePointer<HandlerState>
  let fork: ForkMarker
  private let threadStates: [UnsafeMutablePointer<HandlerThreadState>]
  private let threads: [UInt64]
  private let awaiting = FutexLock(())

  /// The handler that serves every region without one of its own.
  static func sharedHandler() throws(SnapshotError) -> FaultHandler {
    try FaultHandlers.withAll { handlers throws(SnapshotError) in
      if let handler = handlers.shared, unsafe handler.state.pointee.isReachable() {
        return handler
      }
      let handler = try FaultHandler(threadCount: 1)
      unsafe handlers.add(handler.state)
      handlers.shared = handler
      return handler
    }
  }

  /// A handler for one region.
  static func ownHandler(threadCount: Int) throws(SnapshotError) -> FaultHandler {
    let handler = try FaultHandler(threadCount: threadCount)
    try FaultHandlers.withAll { handlers in unsafe handlers.add(handler.state) }
    return handler
  }

  private init(threadCount: Int) throws(SnapshotError) {
    do throws(Errno) {
      fork = try ForkMarker()
      unsafe state = try HandlerState.allocate()
      var threadStates: [UnsafeMutablePointer<HandlerThreadState>] = unsafe []
      var threads: [UInt64] = []
      do throws(Errno) {
        for _ in 0..<threadCount {
          let threadState = unsafe try FaultHandler.allocateThreadState(state)
          unsafe threadStates.append(threadState)
          threads.append(
            try unsafe Kernel.startThread(
              named: "fault-handler", FaultHandlerThread.body, threadState))
        }
        threads.append(try unsafe Kernel.startThread(named: "page-keeper", Keeper.body, state))
      } catch {
        unsafe FaultHandler.stop(state, threads, threadStates)
        throw error
      }
      unsafe self.threadStates = threadStates
      self.threads = threads
    } catch {
      throw .systemCall("starting the fault handler", error)
    }
  }

  private static func allocateThreadState(
    _ state: UnsafeMutablePointer<HandlerState>
  ) throws(Errno) -> UnsafeMutablePointer<HandlerThreadState> {
    let value = unsafe try HandlerThreadState(state)
    let threadState = UnsafeMutablePointer<HandlerThreadState>.allocate(capacity: 1)
    unsafe threadState.initialize(to: value)
    return unsafe threadState
  }

  /// Ends the threads and frees everything.
  private static func stop(
    _ state: UnsafeMutablePointer<HandlerState>, _ threads: [UInt64],
    _ threadStates: [UnsafeMutablePointer<HandlerThreadState>]
  ) {
    // Releasing: pairs with the loads in the threads' loops.
    unsafe state.pointee.isStopping.store(true, ordering: .releasing)
    unsafe Kernel.signalEvent(state.pointee.event.rawValue)
    unsafe state.pointee.store.pointee.callKeeper()
    for thread in threads { Kernel.joinThread(thread) }
    for index in unsafe threadStates.indices {
      unsafe threadStates[index].deinitialize(count: 1)
      unsafe threadStates[index].deallocate()
    }
    unsafe state.deinitialize(count: 1)
    unsafe state.deallocate()
  }

  deinit {
    // In a forked child the threads do not exist, and the memory they use is not mapped. Threads
    // that cannot be reached keep what they use.
    guard !fork.isInChild, unsafe state.pointee.isReachable() else { return }
    try? FaultHandlers.withAll { handlers in unsafe handlers.remove(state) }
    unsafe FaultHandler.stop(state, threads, threadStates)
  }

  // MARK: - Regions

  /// Throws if descriptors that this thread opens are not the handler's as well: a thread may have a
  /// table of its own (unshare(2) with CLONE_FILES).
  func checkDescriptors(_ operation: String) throws(SnapshotError) {
    for index in unsafe threadStates.indices {
      let number = unsafe threadStates[index].pointee.number
      while number.load() == 0 { number.wait(while: 0) }
      guard Kernel.sharesDescriptors(withThread: number.load()) else {
        throw SnapshotError(
          .unsupported, operation: operation,
          message: "this thread has file descriptors of its own (unshare(2), CLONE_FILES), which "
            + "the fault handler cannot reach; make the region in another thread")
      }
    }
  }

  func add(_ region: UnsafeMutablePointer<RegionState>) throws(Errno) {
    if unsafe region.pointee.resolvesInline {
      try unsafe InlineFaults.add(region.pointee.address, region.pointee.byteCount, of: region)
    } else {
      try Kernel.epollAdd(
        unsafe state.pointee.epoll.rawValue, unsafe region.pointee.descriptor,
        tag: UInt64(UInt(bitPattern: region)))
      unsafe state.pointee.regionCount.add(1, ordering: .relaxed)
    }
    unsafe state.pointee.registry.insert(region)
    unsafe state.pointee.store.pointee.callKeeper()
  }

  /// Forgets a region. True if afterwards no thread of ours touches its state.
  func remove(_ region: UnsafeMutablePointer<RegionState>) -> Bool {
    unsafe state.pointee.registry.remove(region)
    if unsafe region.pointee.resolvesInline {
      unsafe InlineFaults.remove(region)
    } else if unsafe !state.pointee.isReachable() {
      return false
    } else {
      // A number that was closed and used again may be that of another region. The kernel has taken
      // the closed file from epoll, unless a forked child has it open still.
      let isRemoved =
        unsafe region.pointee.hasDescriptor
        && Kernel.epollRemove(state.pointee.epoll.rawValue, region.pointee.descriptor)
      // Before the passes are read: see `LatestRegion`.
      unsafe state.pointee.removals.add(1, ordering: .sequentiallyConsistent)
      unsafe state.pointee.regionCount.subtract(1, ordering: .relaxed)
      return waitForPass() && isRemoved
    }
    return true
  }

  /// Waits until every handler thread is done with what it had found ready so far. False if the
  /// threads cannot be reached any more: one may still be at work.
  private func waitForPass() -> Bool {
    awaiting.withLock { _ in
      var haveAllPassed = true
      unsafe state.pointee.isAwaited.store(true, ordering: .sequentiallyConsistent)
      // The removal is seen by a thread before the number of its passes is read here: a thread that
      // counts another pass afterwards then looks at the removals and forgets the region. The loads
      // below are acquiring, which some processors (arm64) make before a sequentially consistent
      // store; only a fence orders the two.
      atomicMemoryFence(ordering: .sequentiallyConsistent)
      let before = unsafe threadStates.map { unsafe $0.pointee.passes.load() }
      // Raised until all have passed: they do not lower it.
      unsafe Kernel.signalEvent(state.pointee.event.rawValue)
      for index in unsafe threadStates.indices {
        while unsafe threadStates[index].pointee.passes.load() == before[index] {
          if unsafe state.pointee.isBlind.load(ordering: .acquiring) {
            haveAllPassed = false
            break
          }
          unsafe threadStates[index].pointee.passes.wait(while: before[index])
        }
      }
      unsafe Kernel.drainEvent(state.pointee.event.rawValue)
      unsafe state.pointee.isAwaited.store(false, ordering: .sequentiallyConsistent)
      return haveAllPassed
    }
  }
}

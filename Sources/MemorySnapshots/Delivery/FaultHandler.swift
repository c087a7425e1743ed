internal import Synchronization
internal import SystemPackage

/// One or more handler threads and a keeper thread, with the store of pre-images that their regions
/// share. Lives as long as a region uses it; its threads are joined when it goes.
/// The state is freed in `deinit`, after all threads have ended.
final class FaultHandler: Sendable {
  let state: Reference<HandlerState>
  let fork: ForkMarker
  private let threadStates: [Reference<HandlerThreadState>]
  private let threads: [UInt64]
  private let awaiting = FutexLock(())

  /// The handler that serves every region without one of its own.
  static func sharedHandler() throws(SnapshotError) -> FaultHandler {
    try FaultHandlers.withAll { handlers throws(SnapshotError) in
      if let handler = handlers.shared, handler.state.value.isReachable() {
        return handler
      }
      let handler = try FaultHandler(threadCount: 1)
      handlers.add(handler.state)
      handlers.shared = handler
      return handler
    }
  }

  /// A handler for one region.
  static func ownHandler(threadCount: Int) throws(SnapshotError) -> FaultHandler {
    let handler = try FaultHandler(threadCount: threadCount)
    try FaultHandlers.withAll { handlers in handlers.add(handler.state) }
    return handler
  }

  private init(threadCount: Int) throws(SnapshotError) {
    do throws(Errno) {
      _ = try ProcessMemory.get()
      fork = try ForkMarker()
      state = try HandlerState.allocate()
      var threadStates: [Reference<HandlerThreadState>] = []
      var threads: [UInt64] = []
      do throws(Errno) {
        for _ in 0..<threadCount {
          let threadState = try FaultHandler.allocateThreadState(state)
          threadStates.append(threadState)
          threads.append(
            try unsafe Kernel.startThread(
              named: "fault-handler", FaultHandlerThread.body, threadState.pointer))
        }
        threads.append(
          try unsafe Kernel.startThread(named: "page-keeper", Keeper.body, state.pointer))
      } catch {
        FaultHandler.stop(state, threads, threadStates)
        throw error
      }
      self.threadStates = threadStates
      self.threads = threads
    } catch {
      throw .systemCall("starting the fault handler", error)
    }
  }

  private static func allocateThreadState(
    _ state: Reference<HandlerState>
  ) throws(Errno) -> Reference<HandlerThreadState> {
    Reference(try HandlerThreadState(state))
  }

  /// Ends the threads and frees everything.
  private static func stop(
    _ state: Reference<HandlerState>, _ threads: [UInt64],
    _ threadStates: [Reference<HandlerThreadState>]
  ) {
    // Releasing: pairs with the loads in the threads' loops.
    state.value.isStopping.store(true, ordering: .releasing)
    Kernel.signalEvent(state.value.event.rawValue)
    state.value.store.value.keeper.call()
    for thread in threads { Kernel.joinThread(thread) }
    for threadState in threadStates { unsafe threadState.free() }
    unsafe state.free()
  }

  deinit {
    // In a forked child the threads do not exist, and the memory they use is not mapped. Threads
    // that cannot be reached keep what they use.
    guard !fork.isInChild, state.value.isReachable() else { return }
    try? FaultHandlers.withAll { handlers in handlers.remove(state) }
    FaultHandler.stop(state, threads, threadStates)
  }

  // MARK: - Regions

  /// Throws if descriptors that this thread opens are not the handler's as well: a thread may have a
  /// table of its own (unshare(2) with CLONE_FILES).
  func checkDescriptors(_ operation: String) throws(SnapshotError) {
    for index in threadStates.indices {
      let number = threadStates[index].value.number
      while number.load() == 0 { number.wait(while: 0) }
      guard Kernel.sharesDescriptors(withThread: number.load()) else {
        throw SnapshotError(
          .unsupported, operation: operation,
          message: "this thread has file descriptors of its own (unshare(2), CLONE_FILES), which "
            + "the fault handler cannot reach; make the region in another thread")
      }
    }
  }

  /// Has the keeper serve a region.
  func insert(_ entry: consuming RegionEntry) -> Reference<RegionEntry> {
    let entry = Reference(entry)
    state.value.registry.insert(entry)
    state.value.store.value.keeper.call()
    return entry
  }

  func remove(_ entry: Reference<RegionEntry>) {
    state.value.registry.remove(entry)
    unsafe entry.free()
  }

  /// Has the threads answer the faults of a region.
  func watch(_ region: Reference<RegionState>) throws(Errno) {
    try Kernel.epollAdd(
      state.value.epoll.rawValue, region.value.protection.descriptor, tag: UInt64(region.address))
    state.value.regionCount.add(1, ordering: .relaxed)
  }

  /// True if afterwards no thread of ours touches the region's state.
  func stopWatching(_ region: Reference<RegionState>) -> Bool {
    guard state.value.isReachable() else { return false }
    // A number that was closed and used again may be that of another region. The kernel has taken
    // the closed file from epoll, unless a forked child has it open still.
    let isRemoved =
      region.value.protection.hasDescriptor
      && Kernel.epollRemove(state.value.epoll.rawValue, region.value.protection.descriptor)
    // Before the passes are read: see `LatestRegion`.
    state.value.removals.add(1, ordering: .sequentiallyConsistent)
    state.value.regionCount.subtract(1, ordering: .relaxed)
    return waitForPass() && isRemoved
  }

  /// Waits until every handler thread is done with what it had found ready so far. False if the
  /// threads cannot be reached any more: one may still be at work.
  private func waitForPass() -> Bool {
    // A thread that is cancelled when it raises or lowers the event would keep the lock.
    let saved = Kernel.blockSignals()
    defer { Kernel.restoreSignals(saved) }
    return awaiting.withLock { _ in
      var haveAllPassed = true
      state.value.isAwaited.store(true, ordering: .sequentiallyConsistent)
      // The removal is seen by a thread before the number of its passes is read here: a thread that
      // counts another pass afterwards then looks at the removals and forgets the region. The loads
      // below are acquiring, which some processors (arm64) make before a sequentially consistent
      // store; only a fence orders the two.
      atomicMemoryFence(ordering: .sequentiallyConsistent)
      let before = threadStates.map { $0.value.passes.load() }
      // Raised until all have passed: they do not lower it.
      Kernel.signalEvent(state.value.event.rawValue)
      for index in threadStates.indices {
        while threadStates[index].value.passes.load() == before[index] {
          if state.value.isBlind.load(ordering: .acquiring) {
            haveAllPassed = false
            break
          }
          threadStates[index].value.passes.wait(while: before[index])
        }
      }
      Kernel.drainEvent(state.value.event.rawValue)
      state.value.isAwaited.store(false, ordering: .sequentiallyConsistent)
      return haveAllPassed
    }
  }
}

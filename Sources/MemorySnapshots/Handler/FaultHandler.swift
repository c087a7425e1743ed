internal import Synchronization
internal import SystemPackage

/// A handler thread and a keeper thread, with the store of pre-images that their regions share.
/// Lives as long as a region uses it; its threads are joined when it goes.
///
/// Safe to share: the state is freed in `deinit`, after both threads have ended.
@safe
final class FaultHandler: @unchecked Sendable {
  let state: UnsafeMutablePointer<HandlerState>
  private let handlerThread: UInt64
  private let keeperThread: UInt64
  let fork: ForkMarker

  private struct Shared: Sendable {
    weak var handler: FaultHandler?
  }
  private static let shared = Mutex(Shared())

  /// The handler that serves every region without one of its own.
  static func sharedHandler() throws(SnapshotError) -> FaultHandler {
    try shared.withLock { shared throws(SnapshotError) in
      // After a fork, the parent's handler is only a copy without threads.
      if let handler = shared.handler, !handler.fork.isInChild { return handler }
      let handler = try FaultHandler()
      shared.handler = handler
      return handler
    }
  }

  init() throws(SnapshotError) {
    do throws(Errno) {
      fork = try ForkMarker()
      unsafe state = try HandlerState.allocate()
      (handlerThread, keeperThread) = unsafe try FaultHandler.startThreads(state)
    } catch {
      throw .systemCall("starting the fault handler", error)
    }
  }

  /// Starts both threads, or frees the state.
  private static func startThreads(
    _ state: UnsafeMutablePointer<HandlerState>
  ) throws(Errno) -> (UInt64, UInt64) {
    var started: [UInt64] = []
    do throws(Errno) {
      started.append(
        try unsafe Kernel.startThread(named: "fault-handler", FaultHandlerThread.body, state))
      started.append(try unsafe Kernel.startThread(named: "page-keeper", Keeper.body, state))
    } catch {
      unsafe stop(state)
      for thread in started { Kernel.joinThread(thread) }
      unsafe state.deinitialize(count: 1)
      unsafe state.deallocate()
      throw error
    }
    return (started[0], started[1])
  }

  private static func stop(_ state: UnsafeMutablePointer<HandlerState>) {
    // Releasing: pairs with the loads in the threads' loops.
    unsafe state.pointee.isStopping.store(true, ordering: .releasing)
    Kernel.signalEvent(unsafe state.pointee.event.rawValue)
    unsafe state.pointee.store.pointee.callKeeper()
  }

  deinit {
    // In a forked child the threads do not exist, and the memory they use is not mapped.
    guard !fork.isInChild else { return }
    unsafe FaultHandler.stop(state)
    Kernel.joinThread(handlerThread)
    Kernel.joinThread(keeperThread)
    unsafe state.deinitialize(count: 1)
    unsafe state.deallocate()
  }

  // MARK: - Regions

  func add(_ region: UnsafeMutablePointer<RegionState>) throws(Errno) {
    if unsafe region.pointee.resolvesInline {
      try unsafe InlineFaults.add(region.pointee.address, region.pointee.byteCount, of: region)
    } else {
      try Kernel.epollAdd(
        unsafe state.pointee.epoll.rawValue, unsafe region.pointee.descriptor,
        tag: UInt64(UInt(bitPattern: region)))
    }
    unsafe state.pointee.registry.insert(region)
    unsafe state.pointee.store.pointee.callKeeper()
  }

  /// Forgets a region. Afterwards no thread of ours touches its state.
  func remove(_ region: UnsafeMutablePointer<RegionState>) {
    unsafe state.pointee.registry.remove(region)
    if unsafe region.pointee.resolvesInline {
      InlineFaults.remove(unsafe region.pointee.address)
    } else {
      Kernel.epollRemove(
        unsafe state.pointee.epoll.rawValue, unsafe region.pointee.descriptor)
      waitForPass()
    }
  }

  /// Waits until the handler thread is done with everything it had found ready so far.
  private func waitForPass() {
    unsafe state.pointee.passWaiters.add(1, ordering: .sequentiallyConsistent)
    let before = unsafe state.pointee.passes.load()
    Kernel.signalEvent(unsafe state.pointee.event.rawValue)
    while unsafe state.pointee.passes.load() == before {
      unsafe state.pointee.passes.wait(while: before)
    }
    unsafe state.pointee.passWaiters.subtract(1, ordering: .sequentiallyConsistent)
  }
}

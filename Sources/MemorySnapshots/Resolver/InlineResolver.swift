internal import Synchronization

/// Resolves a fault in the thread that took it, inside its SIGBUS handler. Where the handler thread
/// puts a fault aside, this thread waits: it has nothing else to do.
@safe
struct InlineResolver {
  let region: UnsafeMutablePointer<RegionState>

  @_noLocks
  init(region: UnsafeMutablePointer<RegionState>) { unsafe self.region = region }

  @_noLocks
  func resolve(_ address: UInt) {
    let start = unsafe region.pointee.address
    guard address >= start, unsafe address - start < UInt(region.pointee.byteCount) else {
      fillView(address)
      return
    }
    let began = Kernel.nanoseconds()
    let page = unsafe Int((address - start) / UInt(region.pointee.pageSize))
    let resolver = unsafe FaultResolver(region: region)
    while true {
      let reliefs = unsafe region.pointee.relief.number()
      unsafe region.pointee.gate.enterWaiting()
      let outcome = resolver.resolveInsideGate(page, wakesFirst: false)
      unsafe region.pointee.gate.leave()
      switch outcome {
      case .resolved:
        unsafe region.pointee.counters.serviceTime.add(nanoseconds: Kernel.nanoseconds() &- began)
        return
      case .duplicate:
        // The access is repeated when the signal handler returns, and faults again if the other
        // thread is not done by then.
        unsafe region.pointee.counters.duplicateMessages.add(1, ordering: .relaxed)
        Kernel.yield()
        return
      case .parkedAtGate, .starved:
        unsafe region.pointee.counters.parkedFaults.add(1, ordering: .relaxed)
        unsafe region.pointee.relief.wait(since: reliefs)
      }
    }
  }

  /// The page of a view is built in a slot of the store, because a signal handler's stack may be
  /// small.
  @_noLocks
  private func fillView(_ address: UInt) {
    while true {
      let reliefs = unsafe region.pointee.relief.number()
      if let slot = unsafe region.pointee.store.pointee.allocatePage() {
        unsafe region.pointee.gate.enterWaiting()
        unsafe MissingPageResolver(region: region).fill(
          address, scratch: region.pointee.store.pointee.pages.address(of: slot), pageCount: 1)
        unsafe region.pointee.gate.leave()
        unsafe region.pointee.store.pointee.deallocatePage(slot)
        return
      }
      unsafe region.pointee.leaveWord()
      unsafe region.pointee.relief.wait(since: reliefs)
    }
  }
}

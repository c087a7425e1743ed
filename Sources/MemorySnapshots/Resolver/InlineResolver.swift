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
      let outcome = resolver.resolveInsideGate(page)
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

  /// How many pages of a view are filled at the most when one is read.
  private static var viewPagesPerFault: Int {
    @_noLocks get { 16 }
  }

  /// The pages of a view are built in slots of the store, because a signal handler's stack may be
  /// small.
  @_noLocks
  private func fillView(_ address: UInt) {
    let store = unsafe region.pointee.store
    while true {
      let reliefs = unsafe region.pointee.relief.number()
      let slots = unsafe store.pointee.allocatePages(upTo: InlineResolver.viewPagesPerFault)
      if let slot = slots.first {
        unsafe region.pointee.gate.enterWaiting()
        unsafe MissingPageResolver(region: region).fill(
          address, scratch: store.pointee.pages.address(of: slot),
          pageCount: slots.leadingNeighbourCount)
        unsafe region.pointee.gate.leave()
        unsafe store.pointee.pages.deallocate(slots)
        return
      }
      unsafe region.pointee.leaveWord()
      unsafe region.pointee.relief.wait(since: reliefs)
    }
  }
}

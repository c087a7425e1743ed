internal import Synchronization

/// Resolves a fault in the thread that took it, inside its SIGBUS handler. Where the handler thread
/// puts a fault aside, this thread waits: it has nothing else to do.
@safe
struct InlineResolver {
  let region: UnsafeMutablePointer<RegionState>

  @_noLocks
  init(region: UnsafeMutablePointer<RegionState>) { unsafe self.region = region }

  /// False if the fault was not for us: the access fails for a reason of the memory's own, a file that
  /// was truncated or a full file system.
  @_noLocks
  func resolve(_ address: UInt) -> Bool {
    let start = unsafe region.pointee.address
    guard address >= start, unsafe address - start < UInt(region.pointee.byteCount) else {
      fillView(address)
      return true
    }
    let began = Kernel.nanoseconds()
    let page = unsafe Int((address - start) / UInt(region.pointee.pageSize))
    let resolver = unsafe FaultResolver(region: region)
    // Before it is copied: a SIGBUS in here would end the process whatever handler it has.
    guard isReadable(page) else { return false }
    while true {
      let reliefs = unsafe region.pointee.relief.number()
      unsafe region.pointee.gate.enterWaiting()
      let outcome = resolver.resolveInsideGate(page)
      // Before the gate is left, so that no snapshot protects the page again.
      let isOurs = if case .alreadyOpen = outcome { isWritable(page) } else { true }
      unsafe region.pointee.gate.leave()
      switch outcome {
      case .resolved:
        unsafe region.pointee.counters.serviceTime.add(nanoseconds: Kernel.nanoseconds() &- began)
        return true
      case .duplicate, .alreadyOpen:
        unsafe region.pointee.counters.duplicateMessages.add(1, ordering: .relaxed)
        return isOurs
      case .underWay:
        unsafe region.pointee.counters.duplicateMessages.add(1, ordering: .relaxed)
        waitForHolder(of: page)
        // The access is repeated when the signal handler returns, and faults again if need be.
        return true
      case .parkedAtGate, .starved:
        unsafe region.pointee.counters.parkedFaults.add(1, ordering: .relaxed)
        unsafe region.pointee.relief.wait(since: reliefs)
      }
    }
  }

  /// Whether a page that is not protected can be written to.
  @_noLocks
  private func isWritable(_ page: Int) -> Bool {
    unsafe Kernel.canWrite(to: region.pointee.address(ofPage: page), region.pointee.pageSize)
  }

  /// Whether a page can be copied: it may have gone with the end of its file, if that is the
  /// application's.
  @_noLocks
  private func isReadable(_ page: Int) -> Bool {
    guard unsafe region.pointee.isAdopted, unsafe region.pointee.isShared else { return true }
    return unsafe Kernel.canRead(region.pointee.address(ofPage: page), region.pointee.pageSize)
  }

  /// Waits until whoever has the claim on the page has given it back; a few times, because another
  /// may have taken it by the next look. Outside the gate, which a snapshot may be waiting for.
  @_noLocks
  private func waitForHolder(of page: Int) {
    var wait = unsafe BriefWait(region.pointee.briefWaiters)
    defer { wait.end() }
    for _ in 0..<InlineResolver.looksAtClaim {
      wait.next()
      guard case .resolving = unsafe region.pointee.table.word(page).claim else { return }
    }
  }

  private static var looksAtClaim: Int {
    @_noLocks get { 64 }
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

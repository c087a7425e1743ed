internal import Synchronization

/// Resolves a fault in the thread that took it, inside its SIGBUS handler. Where the handler thread
/// puts a fault aside, this thread waits: it has nothing else to do.
struct InlineResolver {
  let region: Reference<RegionState>

  @_noLocks
  init(_ region: Reference<RegionState>) { self.region = region }

  /// False if the fault was not for us: the access fails for a reason of the memory's own, a file that
  /// was truncated or a full file system.
  @_noLocks
  func resolve(_ address: UInt) -> Bool {
    guard region.value.layout.contains(address) else {
      fillPageOfView(address)
      return true
    }
    let began = Kernel.nanoseconds()
    let page = region.value.layout.page(at: address)
    let resolver = FaultResolver(region)
    // Before it is copied: a SIGBUS in here would end the process whatever handler it has.
    guard isReadable(page) else { return false }
    while true {
      let reliefs = region.value.storeLimit.relief.count()
      region.value.timeline.gate.enterWaiting()
      let outcome = resolver.resolveInsideGate(page)
      // Before the gate is left, so that no snapshot protects the page again.
      let isOurs = if case .alreadyUnprotected = outcome { isWritable(page) } else { true }
      region.value.timeline.gate.leave()
      switch outcome {
      case .resolved:
        region.value.counters.serviceTime.add(nanoseconds: Kernel.nanoseconds() &- began)
        return true
      case .duplicate, .alreadyUnprotected:
        region.value.counters.duplicateMessages.add(1, ordering: .relaxed)
        return isOurs
      case .underWay:
        region.value.counters.duplicateMessages.add(1, ordering: .relaxed)
        waitForHolder(of: page)
        // The access is repeated when the signal handler returns, and faults again if need be.
        return true
      case .parkedAtGate, .starved:
        region.value.counters.parkedFaults.add(1, ordering: .relaxed)
        region.value.storeLimit.relief.wait(since: reliefs)
      }
    }
  }

  /// Whether a page that is not protected can be written to.
  @_noLocks
  private func isWritable(_ page: Int) -> Bool {
    Kernel.canWrite(to: region.value.layout.address(ofPage: page), region.value.layout.pageSize)
  }

  /// Whether a page can be copied: it may have gone with the end of its file, if that is the
  /// application's.
  @_noLocks
  private func isReadable(_ page: Int) -> Bool {
    guard region.value.isAdopted, region.value.isShared else { return true }
    return Kernel.canRead(region.value.layout.address(ofPage: page), region.value.layout.pageSize)
  }

  /// Waits until whoever has the claim on the page has given it back; a few times, because another
  /// may have taken it by the next look. Outside the gate, which a snapshot may be waiting for.
  @_noLocks
  private func waitForHolder(of page: Int) {
    var wait = BriefWait(region.value.versions.waiters)
    defer { wait.end() }
    for _ in 0..<InlineResolver.looksAtClaim {
      wait.next()
      guard case .resolving = region.value.versions.table.word(page).claim else { return }
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
  private func fillPageOfView(_ address: UInt) {
    let store = region.value.store
    while true {
      let reliefs = region.value.storeLimit.relief.count()
      let slots = store.value.allocatePages(upTo: InlineResolver.viewPagesPerFault)
      if let slot = slots.first {
        region.value.timeline.gate.enterWaiting()
        MissingPageResolver(region).fill(
          address, scratch: store.value.pages.address(of: slot),
          pageCount: slots.leadingNeighbourCount)
        region.value.timeline.gate.leave()
        store.value.pages.deallocate(slots)
        return
      }
      region.value.storeLimit.noteStarvation()
      region.value.storeLimit.relief.wait(since: reliefs)
    }
  }
}

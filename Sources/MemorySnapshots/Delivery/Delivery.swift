internal import Synchronization
internal import SystemPackage

/// How the faults of one region reach the resolver: writes to protected pages, and first reads of views
/// that are filled as they are read.
protocol Delivery: Sendable {
  /// What the region's userfaultfd must offer besides write protection.
  static var feature: UserfaultSupport.Features { get }
  /// Whether faults that a system call takes are delivered, too.
  static var reachesSystemCalls: Bool { get }
  /// Whether a fault that nobody answers waits; else it kills the process.
  static var waitsUnanswered: Bool { get }

  /// Begins to deliver a region's faults. From then on the handler's keeper serves the region.
  init(of region: Reference<RegionState>, by handler: FaultHandler) throws(Errno)

  /// Ends it. True if afterwards no thread of ours touches the region's state.
  func end() -> Bool

  /// Delivers the reads of a view that is filled as it is read.
  func watchView(_ address: UInt) throws(Errno)

  func stopWatchingView(_ address: UInt)
}

/// By the handler's threads, to which the kernel sends messages.
struct ThreadDelivery: Delivery {
  static var feature: UserfaultSupport.Features { [] }
  static var reachesSystemCalls: Bool { true }
  static var waitsUnanswered: Bool { true }

  private let entry: Reference<RegionEntry>
  private let handler: FaultHandler

  init(of region: Reference<RegionState>, by handler: FaultHandler) throws(Errno) {
    try handler.watch(region)
    self.handler = handler
    entry = handler.insert(RegionEntry(region, isServedByThreads: true))
  }

  func end() -> Bool {
    let region = entry.value.region
    // Releasing: pairs with the load in the handler's threads. Before the memory can be anybody else's.
    region.value.isGoing.store(true, ordering: .releasing)
    handler.remove(entry)
    return handler.stopWatching(region)
  }

  // The kernel sends the messages of all that is registered with the descriptor.
  func watchView(_ address: UInt) {}
  func stopWatchingView(_ address: UInt) {}
}

/// In the faulting thread itself, by SIGBUS.
struct InlineDelivery: Delivery {
  static var feature: UserfaultSupport.Features { .signal }
  static var reachesSystemCalls: Bool { false }
  static var waitsUnanswered: Bool { false }

  private let entry: Reference<RegionEntry>
  private let handler: FaultHandler

  init(of region: Reference<RegionState>, by handler: FaultHandler) throws(Errno) {
    let layout = region.value.layout
    try InlineFaults.add(layout.address, layout.byteCount, of: region)
    self.handler = handler
    entry = handler.insert(RegionEntry(region, isServedByThreads: false))
  }

  func end() -> Bool {
    let region = entry.value.region
    handler.remove(entry)
    InlineFaults.remove(region)
    return true
  }

  func watchView(_ address: UInt) throws(Errno) {
    let region = entry.value.region
    try InlineFaults.add(address, region.value.layout.byteCount, of: region)
  }

  func stopWatchingView(_ address: UInt) {
    InlineFaults.remove(address, of: entry.value.region)
  }
}

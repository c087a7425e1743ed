internal import Synchronization
internal import SystemPackage

/// What the threads of a handler work on, in memory without reference counts.
@safe
struct HandlerState: ~Copyable {
  let epoll: Descriptor
  /// Wakes every handler thread without a fault, as long as it is raised.
  let event: Descriptor
  let store: UnsafeMutablePointer<PreimageStore>
  /// The keeper's, but for its making.
  let groups: MemoryControlGroups
  let registry = RegionRegistry()
  /// How many regions epoll watches.
  let regionCount = Atomic<Int>(0)
  /// How many regions were taken from epoll so far.
  let removals = Atomic<UInt64>(0)
  let isStopping = Atomic<Bool>(false)
  /// Whether somebody waits for the handler threads to have gone through all that was ready.
  let isAwaited = Atomic<Bool>(false)
  /// Whether the descriptors were closed by somebody else: faults do not arrive any more.
  let isBlind = Atomic<Bool>(false)

  /// Whether the handler threads can be reached. If not, they may sleep for ever.
  func isReachable() -> Bool {
    if isBlind.load(ordering: .acquiring) { return false }
    if hasDescriptors { return true }
    isBlind.store(true, ordering: .releasing)
    return false
  }

  /// Whether the descriptors are still what they were, and not others of the same numbers.
  var hasDescriptors: Bool {
    @_noLocks get { Kernel.epollHolds(epoll.rawValue, event.rawValue, tag: HandlerState.eventTag) }
  }

  /// Whether another handler has been given a number of this one's: it was closed.
  func shares(numbersWith other: borrowing HandlerState) -> Bool {
    let numbers = [epoll.rawValue, event.rawValue]
    return numbers.contains(other.epoll.rawValue) || numbers.contains(other.event.rawValue)
  }

  /// A region's tag is its address.
  static var eventTag: UInt64 {
    @_noLocks get { 0 }
  }

  /// Allocates the state: a throwing initialiser cannot undo what it has half made.
  static func allocate() throws(Errno) -> UnsafeMutablePointer<HandlerState> {
    let epoll = Descriptor(owning: try Kernel.createEpoll())
    let event = Descriptor(owning: try Kernel.createEvent())
    try Kernel.epollAdd(epoll.rawValue, event.rawValue, tag: eventTag)
    let groups = try MemoryControlGroups()
    let store = unsafe try PreimageStore.allocate()
    let state = UnsafeMutablePointer<HandlerState>.allocate(capacity: 1)
    unsafe state.initialize(
      to: HandlerState(epoll: epoll, event: event, groups: groups, store: store))
    return unsafe state
  }

  private init(
    epoll: consuming Descriptor, event: consuming Descriptor,
    groups: consuming MemoryControlGroups, store: UnsafeMutablePointer<PreimageStore>
  ) {
    self.epoll = epoll
    self.event = event
    self.groups = groups
    unsafe self.store = store
  }

  deinit {
    unsafe store.deinitialize(count: 1)
    unsafe store.deallocate()
  }
}

/// What one handler thread works with.
@safe
struct HandlerThreadState: ~Copyable {
  let handler: UnsafeMutablePointer<HandlerState>
  /// Pages of the thread's own, to build the content of missing pages in.
  let scratch: Mapping
  /// How often the thread has gone through all that was ready.
  let passes = Futex()
  /// The thread's number (gettid(2)), 0 until it runs.
  let number = Futex()

  init(_ handler: UnsafeMutablePointer<HandlerState>) throws(Errno) {
    scratch = try Mapping(anonymous: MissingPageResolver.pagesPerFault * Kernel.pageSize)
    unsafe self.handler = handler
  }

  deinit {
    passes.deallocate()
    number.deallocate()
  }
}

/// The regions of a handler. Its lock is the keeper's and the creator's; like the control lock,
/// which may be taken under it, it is held without allocating and with signals blocked.
///
/// Safe to share: the list is reached under the lock alone.
struct RegionRegistry: ~Copyable, Sendable {
  @safe
  struct Regions: @unchecked Sendable {
    fileprivate(set) var first: UnsafeMutablePointer<RegionState>?
  }

  private let regions = FutexLock(Regions())

  func insert(_ region: UnsafeMutablePointer<RegionState>) {
    withLock { regions in
      unsafe region.pointee.nextRegion = regions.first
      if let first = unsafe regions.first { unsafe first.pointee.previousRegion = region }
      unsafe regions.first = region
    }
  }

  func remove(_ region: UnsafeMutablePointer<RegionState>) {
    withLock { regions in
      let next = unsafe region.pointee.nextRegion
      let previous = unsafe region.pointee.previousRegion
      if let next = unsafe next { unsafe next.pointee.previousRegion = previous }
      if let previous = unsafe previous {
        unsafe previous.pointee.nextRegion = next
      } else {
        unsafe regions.first = next
      }
    }
  }

  func forEach(_ body: (UnsafeMutablePointer<RegionState>) -> Void) {
    withLock { regions in
      var next = unsafe regions.first
      while let region = unsafe next {
        unsafe body(region)
        unsafe next = region.pointee.nextRegion
      }
    }
  }

  private func withLock(_ body: (inout Regions) -> Void) {
    let saved = Kernel.blockSignals()
    defer { Kernel.restoreSignals(saved) }
    regions.withLock { regions in body(&regions) }
  }
}

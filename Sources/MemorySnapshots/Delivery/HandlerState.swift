internal import Synchronization
internal import SystemPackage

/// What the threads of a handler work on, in memory without reference counts.
struct HandlerState: ~Copyable, Sendable {
  let epoll: Descriptor
  /// Wakes every handler thread without a fault, as long as it is raised.
  let event: Descriptor
  let store: Reference<PreimageStore>
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
    @_noLocks get {
      Kernel.epollHolds(epoll.rawValue, event.rawValue, tag: UInt64(HandlerState.eventTag))
    }
  }

  /// Whether another handler has been given a number of this one's: it was closed.
  func shares(numbersWith other: borrowing HandlerState) -> Bool {
    let numbers = [epoll.rawValue, event.rawValue]
    return numbers.contains(other.epoll.rawValue) || numbers.contains(other.event.rawValue)
  }

  /// A region's tag is its address.
  static var eventTag: UInt {
    @_noLocks get { 0 }
  }

  /// Allocates the state: a throwing initialiser cannot undo what it has half made.
  static func allocate() throws(Errno) -> Reference<HandlerState> {
    let epoll = try Descriptor(Kernel.createEpoll)
    let event = try Descriptor(Kernel.createEvent)
    try Kernel.epollAdd(epoll.rawValue, event.rawValue, tag: UInt64(eventTag))
    let groups = try MemoryControlGroups()
    let store = try PreimageStore.allocate()
    return Reference(HandlerState(epoll: epoll, event: event, groups: groups, store: store))
  }

  private init(
    epoll: consuming Descriptor, event: consuming Descriptor,
    groups: consuming MemoryControlGroups, store: Reference<PreimageStore>
  ) {
    self.epoll = epoll
    self.event = event
    self.groups = groups
    self.store = store
  }

  deinit { unsafe store.free() }
}

/// What one handler thread works with.
struct HandlerThreadState: ~Copyable, Sendable {
  let handler: Reference<HandlerState>
  /// Pages of the thread's own, to build the content of missing pages in.
  let scratch: Mapping
  /// How often the thread has gone through all that was ready.
  let passes = Futex()
  /// The thread's number (gettid(2)), 0 until it runs.
  let number = Futex()

  init(_ handler: Reference<HandlerState>) throws(Errno) {
    scratch = try Mapping(anonymous: MissingPageResolver.pagesPerFault * Kernel.pageSize)
    self.handler = handler
  }

  deinit {
    passes.deallocate()
    number.deallocate()
  }
}

extension Reference where Value == HandlerState {
  var value: HandlerState {
    @_noLocks unsafeAddress { unsafe UnsafePointer(pointer) }
  }
}

extension Reference where Value == HandlerThreadState {
  var value: HandlerThreadState {
    @_noLocks unsafeAddress { unsafe UnsafePointer(pointer) }
  }
}

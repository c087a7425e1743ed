internal import Synchronization
internal import SystemPackage

/// The ranges whose faults are resolved in the faulting thread, and the SIGBUS handler that does.
///
/// The list is sorted and searched in a signal handler: it is fixed memory under a sequence lock,
/// so that a search neither locks nor allocates, and the list of a process with many regions is
/// searched in a few steps. The ranges are disjoint, as those of mappings of one process are: each is
/// taken out before its memory is unmapped, and the child of a fork, which has none of them mapped,
/// finds the list empty (`ProcessMemory`).
///
/// Safe to share: all words are atomic; changes are serialised by a lock.
@safe
struct InlineFaults: @unchecked Sendable {
  /// All zeros at first, which means empty.
  struct Header: ~Copyable {
    /// Odd while the list is being changed.
    let sequence = Atomic<UInt64>(0)
    fileprivate let count = Atomic<Int>(0)
  }

  /// One range of ours: of a region, or of a view of one.
  struct Entry: ~Copyable {
    fileprivate let start = Atomic<UInt>(0)
    fileprivate let end = Atomic<UInt>(0)
    fileprivate let region = Atomic<UInt>(0)
  }

  static var capacity: Int { 65_536 }

  private let list: UnsafeMutablePointer<Header>
  private let entries: UnsafeMutablePointer<Entry>
  private let readers: InlineReaders
  private let waiters: BriefWaiters

  @_noLocks
  private init(_ memory: ProcessMemory) {
    unsafe list = memory.inlineList
    unsafe entries = memory.inlineEntries
    readers = InlineReaders(memory)
    waiters = memory.inlineWaiters
  }

  // MARK: - Changing

  static func add(
    _ start: UInt, _ byteCount: Int, of region: UnsafeMutablePointer<RegionState>
  ) throws(Errno) {
    let memory = try ProcessMemory.get()
    try change(memory) { list throws(Errno) in
      _ = unsafe try Kernel.check(
        Kernel.installResolver(
          { context, address in
            unsafe InlineFaults(ProcessMemory(start: context))
              .resolve(UInt(truncatingIfNeeded: address))
          }, memory.context))
      try list.insert(start, start + UInt(byteCount), UInt(bitPattern: region))
    }
  }

  /// Forgets the range of a region, or of a view of it, that starts at `start`.
  static func remove(_ start: UInt, of region: UnsafeMutablePointer<RegionState>) {
    // Known, since the range was added.
    guard let memory = ProcessMemory.known else { return }
    change(memory) { list in list.remove(start, UInt(bitPattern: region)) }
  }

  /// Forgets a region, and waits until no thread resolves a fault of it. The memory takes no faults
  /// any more, or nobody uses it.
  static func remove(_ region: UnsafeMutablePointer<RegionState>) {
    // Known, since the region was added.
    guard let memory = ProcessMemory.known else { return }
    change(memory) { list in
      unsafe list.remove(region.pointee.address, UInt(bitPattern: region))
      list.readers.waitForAll()
    }
    var wait = BriefWait(memory.inlineWaiters)
    defer { wait.end() }
    // Acquiring: pairs with the release with which a thread ends.
    while unsafe region.pointee.inlineResolvers.load(ordering: .acquiring) != 0 {
      // Some may wait for room that nobody makes any more, and that they do not need either.
      unsafe region.pointee.wakeStarved()
      wait.next()
    }
  }

  private static func change<Failure: Error>(
    _ memory: ProcessMemory, _ body: (InlineFaults) throws(Failure) -> Void
  ) throws(Failure) {
    let saved = Kernel.blockSignals()
    defer { Kernel.restoreSignals(saved) }
    let lock = memory.inlineLock
    lock.lock()
    defer { lock.unlock() }
    try body(InlineFaults(memory))
  }

  private func insert(_ start: UInt, _ end: UInt, _ region: UInt) throws(Errno) {
    let count = unsafe list.pointee.count.load(ordering: .relaxed)
    guard count < InlineFaults.capacity else { throw Errno.noMemory }
    beginChange()
    var position = count
    while position > 0, unsafe entries[position - 1].start.load(ordering: .relaxed) > start {
      move(position - 1, to: position)
      position -= 1
    }
    unsafe entries[position].start.store(start, ordering: .relaxed)
    unsafe entries[position].end.store(end, ordering: .relaxed)
    unsafe entries[position].region.store(region, ordering: .relaxed)
    unsafe list.pointee.count.store(count + 1, ordering: .relaxed)
    endChange()
  }

  private func remove(_ start: UInt, _ region: UInt) {
    let count = unsafe list.pointee.count.load(ordering: .relaxed)
    for position in 0..<count
    where unsafe entries[position].start.load(ordering: .relaxed) == start
      && entries[position].region.load(ordering: .relaxed) == region
    {
      beginChange()
      for next in position + 1..<max(count, position + 1) { move(next, to: next - 1) }
      unsafe list.pointee.count.store(count - 1, ordering: .relaxed)
      endChange()
      return
    }
  }

  private func move(_ from: Int, to: Int) {
    unsafe entries[to].start.store(
      entries[from].start.load(ordering: .relaxed), ordering: .relaxed)
    unsafe entries[to].end.store(entries[from].end.load(ordering: .relaxed), ordering: .relaxed)
    unsafe entries[to].region.store(
      entries[from].region.load(ordering: .relaxed), ordering: .relaxed)
  }

  private func beginChange() {
    unsafe list.pointee.sequence.add(1, ordering: .relaxed)
    // The odd number is seen before any entry changes, or the change is not seen.
    atomicMemoryFence(ordering: .sequentiallyConsistent)
  }

  private func endChange() {
    // Releasing: whoever sees the even number sees the entries as they are now.
    unsafe list.pointee.sequence.add(1, ordering: .releasing)
    waiters.wake()
  }

  // MARK: - Resolving, in a signal handler

  /// Returns 0, or, if the address is not in a range of ours or its fault is not, a number of the
  /// list's state.
  @_noLocks
  private func resolve(_ address: UInt) -> UInt64 {
    var state: UInt64 = 0
    let turn = readers.begin()
    let found = unsafe find(address, &state)
    if let region = unsafe found {
      unsafe region.pointee.inlineResolvers.add(1, ordering: .relaxed)
    }
    // Counted there before it is no longer counted here.
    readers.end(turn)
    // The sequence was even, and may be 0.
    guard let region = unsafe found else { return state + 1 }
    let isOurs = unsafe InlineResolver(region: region).resolve(address)
    unsafe region.pointee.inlineResolvers.subtract(1, ordering: .releasing)
    // The region may be gone by now; the list is not.
    waiters.wake()
    return isOurs ? 0 : state + 1
  }

  @_noLocks
  private func find(_ address: UInt, _ state: inout UInt64) -> UnsafeMutablePointer<RegionState>? {
    var wait = BriefWait(waiters)
    defer { wait.end() }
    while true {
      // Acquiring: the entries are read after the number.
      let before = unsafe list.pointee.sequence.load(ordering: .acquiring)
      var low = 0
      var high = unsafe list.pointee.count.load(ordering: .relaxed)
      while low < high {
        let middle = (low + high) / 2
        if unsafe entries[middle].start.load(ordering: .relaxed) <= address {
          low = middle + 1
        } else {
          high = middle
        }
      }
      var region: UInt = 0
      if low > 0, unsafe address < entries[low - 1].end.load(ordering: .relaxed) {
        region = unsafe entries[low - 1].region.load(ordering: .relaxed)
      }
      // The entries were read before the number is read again.
      atomicMemoryFence(ordering: .acquiring)
      if before & 1 == 0, unsafe list.pointee.sequence.load(ordering: .relaxed) == before {
        state = before
        return unsafe UnsafeMutablePointer(bitPattern: region)
      }
      wait.next()
    }
  }
}

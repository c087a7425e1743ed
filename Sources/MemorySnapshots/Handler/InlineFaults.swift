internal import Synchronization
internal import SystemPackage

/// The ranges whose faults are resolved in the faulting thread, and the SIGBUS handler that does.
///
/// The list is sorted and searched in a signal handler: it is fixed memory under a sequence lock,
/// so that a search neither locks nor allocates, and the list of a process with many regions is
/// searched in a few steps.
///
/// Safe to share: all words are atomic; changes are serialised by `writer`.
@safe
struct InlineFaults: ~Copyable, @unchecked Sendable {
  /// One range of ours: of a region, or of a view of one.
  private struct Entry: ~Copyable {
    let start = Atomic<UInt>(0)
    let end = Atomic<UInt>(0)
    let region = Atomic<UInt>(0)
  }

  private static var capacity: Int { 65_536 }

  private let entries: UnsafeMutablePointer<Entry>
  private let count: Atomic<Int>
  /// Odd while the list is being changed.
  private let sequence = Atomic<UInt64>(0)
  private let readers: InlineReaders

  /// The list of this process, made when the first range is added, and never freed: a signal may
  /// arrive at any time.
  @safe
  private struct Installed: @unchecked Sendable {
    var list: UnsafeMutablePointer<InlineFaults>?
  }
  private static let installed = FutexLock(Installed())

  private init() throws(Errno) {
    let readers = try InlineReaders()
    let memory = try Mapping(anonymous: MemoryLayout<Entry>.stride * InlineFaults.capacity)
    // The child of a fork keeps the list: it is empty of its own ranges, and its signals go on.
    try Kernel.advise(memory.address, memory.byteCount, Kernel.doFork)
    // Never zero: a mapping has an address.
    unsafe entries = UnsafeMutablePointer(bitPattern: memory.release()).unsafelyUnwrapped
    count = Atomic(0)
    self.readers = readers
  }

  // MARK: - Changing

  static func add(
    _ start: UInt, _ byteCount: Int, of region: UnsafeMutablePointer<RegionState>
  ) throws(Errno) {
    unsafe try change(installs: true) { list throws(Errno) in
      try unsafe list.pointee.insert(start, start + UInt(byteCount), UInt(bitPattern: region))
    }
  }

  static func remove(_ start: UInt) {
    unsafe try? change { list throws(Errno) in unsafe list.pointee.remove(start) }
  }

  /// Forgets a region, and waits until no thread resolves a fault of it. The memory takes no faults
  /// any more, or nobody uses it.
  static func remove(_ region: UnsafeMutablePointer<RegionState>) {
    unsafe try? change { list throws(Errno) in
      unsafe list.pointee.remove(region.pointee.address)
      unsafe list.pointee.readers.waitForAll()
    }
    // Acquiring: pairs with the release with which a thread ends.
    while unsafe region.pointee.inlineResolvers.load(ordering: .acquiring) != 0 {
      // Some may wait for room that nobody makes any more, and that they do not need either.
      unsafe region.pointee.wakeStarved()
      Kernel.yield()
    }
  }

  private static func change(
    installs: Bool = false,
    _ body: (UnsafeMutablePointer<InlineFaults>) throws(Errno) -> Void
  ) throws(Errno) {
    try installed.withLock { installed throws(Errno) in
      let list: UnsafeMutablePointer<InlineFaults>
      if let existing = unsafe installed.list {
        unsafe list = existing
      } else {
        unsafe list = .allocate(capacity: 1)
        do throws(Errno) {
          unsafe list.initialize(to: try InlineFaults())
        } catch {
          unsafe list.deallocate()
          throw error
        }
        unsafe installed.list = list
      }
      if installs { _ = unsafe try Kernel.check(install(list)) }
      let saved = Kernel.blockSignals()
      defer { Kernel.restoreSignals(saved) }
      try unsafe body(list)
    }
  }

  private static func install(_ list: UnsafeMutablePointer<InlineFaults>) -> Int32 {
    unsafe Kernel.installResolver(
      { context, address in
        unsafe context.assumingMemoryBound(to: InlineFaults.self).pointee
          .resolve(UInt(truncatingIfNeeded: address))
      }, list)
  }

  private func insert(_ start: UInt, _ end: UInt, _ region: UInt) throws(Errno) {
    let count = count.load(ordering: .relaxed)
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
    self.count.store(count + 1, ordering: .relaxed)
    endChange()
  }

  private func remove(_ start: UInt) {
    let count = count.load(ordering: .relaxed)
    for position in 0..<count
    where unsafe entries[position].start.load(ordering: .relaxed) == start {
      beginChange()
      for next in position + 1..<max(count, position + 1) { move(next, to: next - 1) }
      self.count.store(count - 1, ordering: .relaxed)
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
    sequence.add(1, ordering: .relaxed)
    // The odd number is seen before any entry changes, or the change is not seen.
    atomicMemoryFence(ordering: .sequentiallyConsistent)
  }

  private func endChange() {
    // Releasing: whoever sees the even number sees the entries as they are now.
    sequence.add(1, ordering: .releasing)
  }

  // MARK: - Resolving, in a signal handler

  /// Returns 0, or, if the address is not in a range of ours, the number of the list's state.
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
    guard let region = unsafe found else { return state }
    unsafe InlineResolver(region: region).resolve(address)
    unsafe region.pointee.inlineResolvers.subtract(1, ordering: .releasing)
    return 0
  }

  @_noLocks
  private func find(_ address: UInt, _ state: inout UInt64) -> UnsafeMutablePointer<RegionState>? {
    while true {
      // Acquiring: the entries are read after the number.
      let before = sequence.load(ordering: .acquiring)
      var low = 0
      var high = count.load(ordering: .relaxed)
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
      if before & 1 == 0, sequence.load(ordering: .relaxed) == before {
        state = before
        return unsafe UnsafeMutablePointer(bitPattern: region)
      }
      Kernel.yield()
    }
  }
}

internal import SystemPackage

/// A range of mapped memory, read and written with plain loads and stores, of which snapshots can
/// be taken.
///
/// ```swift
/// let region = try MemoryRegion(byteCount: 1 << 30)
/// let snapshot = try region.makeSnapshot()      // copies nothing
/// region.baseAddress.storeBytes(of: 42, as: Int.self)
/// try region.restore(to: snapshot)
/// ```
///
/// The first write to a page after a snapshot faults; the library keeps the page's old content and
/// lets the writer go on. Every method may be called from any thread; the memory itself is as
/// thread-safe as any other.
///
/// Put bytes there that mean something by themselves, not arrays, strings or objects, whose storage is
/// elsewhere: <doc:Writing-an-application>.
///
/// The application must not unmap, remap or change the protection of the memory itself, nor give
/// pages back with madvise(2): use `discard(_:)`. Nor must it let private memory be merged
/// (MADV_MERGEABLE): that voids the snapshots. Devices that write to pinned pages (O_DIRECT,
/// registered io_uring buffers) bypass the protection: call `prepareToWrite(_:)` first and keep
/// snapshots out of the way.
///
/// A child made by fork(2) gets none of the memory (madvise(2), MADV_DONTFORK): its writes would bypass
/// the protection.
///
/// Source: Documentation/admin-guide/mm/userfaultfd.rst, ioctl_userfaultfd(2).
///
/// Safe to share: the state is freed in `deinit`, after the handler has let go of it, and is
/// otherwise guarded as its own documentation says.
@safe
public final class MemoryRegion: @unchecked Sendable {
  /// The first byte; page-aligned, and the same for the region's whole life.
  public let baseAddress: UnsafeMutableRawPointer
  /// The size in bytes, a whole number of pages.
  public let byteCount: Int
  /// The options the region was made with.
  public let options: Options

  let state: Reference<RegionState>
  /// Changes in `deinit` alone.
  private(set) var memory: RegionMemory
  /// Changes in `deinit` alone.
  private var userfault: Userfaultfd?
  private let isUserModeOnly: Bool
  private let fork: ForkMarker
  /// How the region's faults get to the resolver.
  let delivery: any Delivery

  /// Maps a new region of zeros.
  ///
  /// Costs two file descriptors (one with `.anonymous`) and 8 bytes of address space per page;
  /// memory is used as pages are written to.
  ///
  /// - Parameters:
  ///   - byteCount: The size, rounded up to whole pages.
  ///   - options: How the region is made.
  /// - Throws: `SnapshotError` with `.invalidArgument` for a size below one or beyond what can be
  ///   mapped, `.notPermitted` or `.unsupported` where userfaultfd is not to be had
  ///   (`UserfaultSupport` says why), `.outOfResources` when memory, descriptors or threads run out.
  public convenience init(byteCount: Int, options: Options = Options()) throws(SnapshotError) {
    try self.init(
      byteCount: byteCount, options: options, kernelFeatures: UserfaultSupport.offeredFeatures)
  }

  /// - Parameter kernelFeatures: What the kernel offers; less than it does, to act as on an older one.
  convenience init(
    byteCount: Int, options: Options, kernelFeatures: UserfaultSupport.Features
  ) throws(SnapshotError) {
    let operation = "MemoryRegion(byteCount:)"
    let pageSize = Kernel.pageSize
    let (padded, overflows) = byteCount.addingReportingOverflow(pageSize - 1)
    guard byteCount > 0, !overflows, padded / pageSize <= Int(UInt32.max) else {
      throw .invalidArgument(
        operation, "a region has 1 to \(Int(UInt32.max) * pageSize) bytes, not \(byteCount)")
    }
    let memory: RegionMemory
    do {
      let byteCount = padded / pageSize * pageSize
      switch options.backing {
      case .sharedMemory: memory = try RegionMemory(shared: byteCount)
      case .anonymous: memory = try RegionMemory(anonymous: byteCount)
      }
    } catch {
      throw .systemCall("mapping the region", error)
    }
    try self.init(memory, options, kernelFeatures, operation)
  }

  /// Makes a region of memory that the application has mapped: a C library's pool, say.
  ///
  /// The memory is not unmapped when the region goes; it must stay mapped, as it is, until then.
  /// `options.backing` has no effect: private and shared mappings are told apart. Views copy pages as
  /// they are read. Pages that are preserved on a guess, ahead of a sequential writer say, may not be
  /// readable here, so the kernel copies them (process_vm_readv(2)): some 0.4 µs a page more.
  ///
  /// Whoever else maps the same shared memory bypasses the protection: other processes, or this one in
  /// another place. Forked children do not get the memory as long as the region lives, and private memory
  /// is not merged with equal pages (KSM); then MADV_DONTFORK and MADV_MERGEABLE hold again where they
  /// did. Reading holes of shared memory fills them. Do not adopt memory that malloc(3) manages, because
  /// the library's own state may come to lie in it, nor a thread's stack.
  ///
  /// - Parameters:
  ///   - buffer: Whole pages of readable, writable, anonymous or shared memory (mmap(2) with
  ///     MAP_ANONYMOUS, memfd_create(2), shm_open(3)).
  ///   - options: How the region is made.
  /// - Throws: `SnapshotError` with `.unprotectableMapping` for a mapping of a file, of explicit
  ///   huge pages, one that is not writable, or of the same pages twice, and as `init(byteCount:options:)` does.
  public convenience init(
    adopting buffer: UnsafeMutableRawBufferPointer, options: Options = Options()
  ) throws(SnapshotError) {
    let mapping = unsafe try AdoptedMapping(buffer)
    let memory: RegionMemory
    do {
      memory = try RegionMemory(adopting: mapping)
    } catch {
      throw .systemCall("madvise", error)
    }
    try self.init(memory, options, UserfaultSupport.offeredFeatures, "MemoryRegion(adopting:)")
  }

  private init(
    _ memory: consuming RegionMemory, _ options: Options, _ offered: UserfaultSupport.Features,
    _ operation: String
  ) throws(SnapshotError) {
    if let limit = options.storeLimit, limit < 0 {
      throw .invalidArgument(operation, "storeLimit is negative; use nil for no limit")
    }
    var features: UserfaultSupport.Features = [.writeProtect]
    if memory.isShared { features.insert(.writeProtectShared) }
    guard (1...64).contains(options.handlerThreadCount) else {
      throw .invalidArgument(operation, "handlerThreadCount is not between 1 and 64")
    }
    features.formUnion(options.faultDelivery.kind.feature)
    if offered.contains(.writeProtectUnpopulated) { features.insert(.writeProtectUnpopulated) }
    let userfault = try Userfaultfd(features: features)
    do {
      try userfault.registerForWriteProtection(memory.address, memory.byteCount)
    } catch Errno.noMemory {
      throw .systemCall("ioctl(UFFDIO_REGISTER)", .noMemory)
    } catch Errno.resourceBusy {
      throw SnapshotError(
        .unprotectableMapping, errno: .resourceBusy, operation: operation,
        message: "the memory is part of another region, or registered with another userfaultfd; "
          + "let that go first")
    } catch {
      throw SnapshotError(
        .unprotectableMapping, errno: error, operation: operation,
        message: "the kernel cannot write-protect this memory page by page; it protects anonymous "
          + "and shared memory, not files or explicit huge pages")
    }
    let handler =
      options.hasOwnHandler || options.handlerThreadCount > 1
      ? try FaultHandler.ownHandler(threadCount: options.handlerThreadCount)
      : try FaultHandler.sharedHandler()
    try handler.checkDescriptors(operation)
    let state: Reference<RegionState>
    do {
      state = try RegionState.allocate(
        memory, options.traits, userfault,
        canProtectUnpopulated: features.contains(.writeProtectUnpopulated),
        handler.state.value.store)
    } catch {
      throw .systemCall("mapping the page table", error)
    }
    do {
      delivery = try options.faultDelivery.kind.init(of: state, by: handler)
    } catch {
      unsafe state.free()
      throw .systemCall("epoll_ctl", error)
    }
    // Never zero: a mapping has an address.
    unsafe baseAddress = UnsafeMutableRawPointer(bitPattern: memory.address).unsafelyUnwrapped
    byteCount = memory.byteCount
    self.options = options
    self.memory = memory
    isUserModeOnly = userfault.method == .userModeOnly
    self.userfault = consume userfault
    fork = handler.fork
    self.state = state
  }

  deinit {
    // A forked child holds copies of the parent's numbers: acting on them would hit whatever the
    // child has there.
    guard !isInForkedChild else {
      memory.abandonMapping()
      userfault?.abandonCanary()
      return
    }
    audit(isIdle: true)
    // Its owner may go on writing to adopted memory: no fault is taken once it is unregistered, and
    // those taken before are answered still.
    if !memory.isOwned {
      do throws(Errno) {
        try Kernel.unregister(
          state.value.protection.descriptor, memory.address, memory.byteCount)
      } catch {
        // Faults wait until the descriptor goes, which unregisters, too: at the end, but at once where
        // one would be a SIGBUS of nobody's.
        if !options.faultDelivery.kind.waitsUnanswered { _ = userfault.take() }
      }
    }
    // Where threads may still use the state, it stays.
    let isUnused = delivery.end()
    if isUnused { unsafe state.free() }
  }

  /// Prepares `range` for writing, as `prepareToWrite(_:)` does, and calls `body` with it.
  ///
  /// Writes to the buffer do not fault, unless a snapshot is taken meanwhile.
  ///
  /// - Parameters:
  ///   - range: Bytes of the region.
  ///   - body: A closure that must not let the buffer escape.
  /// - Returns: What `body` returns.
  /// - Throws: `ClosureError.snapshot` with `.invalidArgument` for a range outside the region,
  ///   `ClosureError.closure` with what `body` throws.
  /// - Complexity: O(pages in range), about the time of copying those that a snapshot needs.
  public func withPreparedBytes<Result: ~Copyable, Failure: Error>(
    _ range: Range<Int>, _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Result
  ) throws(ClosureError<Failure>) -> Result {
    do throws(SnapshotError) {
      try prepareToWrite(range)
    } catch {
      throw .snapshot(error)
    }
    do throws(Failure) {
      return try unsafe body(
        UnsafeMutableRawBufferPointer(start: baseAddress + range.lowerBound, count: range.count))
    } catch {
      throw .closure(error)
    }
  }

  /// Calls `body` with the region's memory.
  ///
  /// - Parameter body: A closure that must not let the buffer escape.
  /// - Returns: What `body` returns.
  /// - Throws: What `body` throws.
  public func withUnsafeMutableBytes<Result: ~Copyable, Failure: Error>(
    _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try unsafe body(UnsafeMutableRawBufferPointer(start: baseAddress, count: byteCount))
  }

  /// Whether faults that a system call takes are resolved; else the call fails with EFAULT.
  var resolvesFaultsOfSystemCalls: Bool {
    options.faultDelivery.kind.reachesSystemCalls && !isUserModeOnly
  }

  var isInForkedChild: Bool { fork.isInChild }

  func checkProcess(_ operation: String) throws(SnapshotError) {
    if isInForkedChild { throw .usedAfterFork(operation) }
  }

  /// Throws if writes have gone unseen.
  func checkProtection(_ operation: String) throws(SnapshotError) {
    guard state.value.protection.isLost() else { return }
    throw protectionLost(operation)
  }

  func protectionLost(_ operation: String) -> SnapshotError {
    .protectionLost(operation, byMerging: state.value.protection.merging.hasDoneHarm)
  }

  /// What a failed call that needs the memory file means.
  func fileError(_ operation: String, _ errno: Errno) -> SnapshotError {
    errno == .badFileDescriptor ? protectionLost(operation) : .systemCall(operation, errno)
  }

  /// The pages that a range of bytes touches.
  func pages(in range: Range<Int>, _ operation: String) throws(SnapshotError) -> Range<Int> {
    guard range.lowerBound >= 0, range.upperBound <= byteCount else {
      throw .invalidArgument(
        operation, "the range \(range) is not inside the region's 0..<\(byteCount)")
    }
    guard !range.isEmpty else { return 0..<0 }
    let pageSize = state.value.layout.pageSize
    return range.lowerBound / pageSize..<(range.upperBound - 1) / pageSize + 1
  }
}

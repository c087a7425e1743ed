internal import Glibc
internal import Synchronization
internal import SystemPackage

/// A snapshot as plain, contiguous memory, for any code that reads bytes.
///
/// Read it from any thread, while writers run. What it shows may be wrong once protection was lost
/// (`MemorySnapshot.isInvalidated`): nothing tells a reader of memory. Over a `.sharedMemory` region it is a private mapping
/// of the same file: making one copies nothing but the pages that have changed since the snapshot,
/// and a page that changes later is copied by the kernel. Over other regions its pages are copied as
/// they are first read, up to 64 at a time.
///
/// The view keeps its snapshot: a snapshot with an open view is neither freed by `release()` nor
/// invalidated, and the memory that the view needs is not bounded by `storeLimit`. The memory goes
/// with the view; nothing obtained from it may be used afterwards.
///
/// Where userfaultfd is open to user mode only (`UserfaultSupport.Method.userModeOnly`), or the region's
/// faults are delivered inline, a system call that reads from a view of a region that is not
/// `.sharedMemory` fails with EFAULT for pages not read before; use `MemorySnapshot.write(to:)` there.
///
/// Safe to share: the mapping is not written to after it was made, but by the kernel's copies of
/// what it holds already.
@safe
public struct SnapshotView: ~Copyable, @unchecked Sendable {
  /// The snapshot that this is a view of.
  public let snapshot: MemorySnapshot
  private let index: Int
  private let address: UInt

  init(of snapshot: MemorySnapshot) throws(SnapshotError) {
    let operation = "makeView()"
    let region = snapshot.region
    try region.checkProcess(operation)
    try region.checkProtection(operation)
    try region.checkMerging(operation)
    try snapshot.beginUse(operation)
    do throws(SnapshotError) {
      let hasFile = region.memory.hasFile
      let mapping = try SnapshotView.map(region)
      guard let index = snapshot.openView(mapping.address, isCopiedByKernel: hasFile) else {
        if unsafe region.state.pointee.resolvesInline {
          unsafe InlineFaults.remove(mapping.address, of: region.state)
        }
        throw SnapshotError(
          .outOfResources, operation: operation,
          message: "the region has \(ViewTable.capacity) views, the most there can be; let some go")
      }
      address = mapping.release()
      self.index = index
      self.snapshot = snapshot
      if hasFile { snapshot.fillView(at: address) }
    } catch {
      snapshot.endUse()
      throw error
    }
  }

  private static func map(_ region: MemoryRegion) throws(SnapshotError) -> Mapping {
    do throws(Errno) {
      if region.memory.hasFile { return try region.memory.mapPrivately() }
      let mapping = try Mapping(anonymous: region.byteCount)
      try Kernel.registerForMissingPages(
        unsafe region.state.pointee.descriptor, mapping.address, mapping.byteCount)
      if unsafe region.state.pointee.resolvesInline {
        try unsafe InlineFaults.add(mapping.address, mapping.byteCount, of: region.state)
      }
      return mapping
    } catch {
      throw region.fileError("mapping a view", error)
    }
  }

  deinit {
    guard !snapshot.region.isInForkedChild else { return }
    snapshot.closeView(index, at: address)
    snapshot.endUse()
  }

  /// The number of bytes: the region's.
  public var byteCount: Int { snapshot.byteCount }

  /// The content as of the snapshot.
  ///
  /// - Complexity: O(1); reading it, a page fault of about 0.1 µs for each page at first.
  public var bytes: RawSpan {
    @_lifetime(borrow self)
    get {
      let span = unsafe RawSpan(_unsafeBytes: buffer)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// Calls `body` with the content as of the snapshot, for code that takes pointers.
  ///
  /// - Parameter body: A closure that must not let the buffer escape.
  /// - Returns: What `body` returns.
  /// - Throws: What `body` throws.
  public borrowing func withUnsafeBytes<Result: ~Copyable, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try unsafe body(buffer)
  }

  private var buffer: UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: address), count: byteCount)
  }
}

extension MemorySnapshot {
  /// The snapshot as plain memory: see `SnapshotView`.
  ///
  /// - Returns: The view, which keeps the snapshot and is unmapped when it goes.
  /// - Throws: `SnapshotError` with `.released`, `.invalidated`, `.protectionLost`, also if the number of
  ///   the memory file was closed, or `.outOfResources` if the address space or the number of mappings is
  ///   exhausted.
  /// - Complexity: O(pages changed since the snapshot) for a `.sharedMemory` region, else O(1). The
  ///   corresponding system call is mmap(2).
  public func makeView() throws(SnapshotError) -> SnapshotView {
    try SnapshotView(of: self)
  }

  /// Makes the fault path see a view. From now on it gets a copy of each page before that changes.
  fileprivate func openView(_ address: UInt, isCopiedByKernel: Bool) -> Int? {
    unsafe region.state.pointee.control.withLock { _ in
      unsafe region.state.pointee.gate.close()
      defer { unsafe region.state.pointee.openGate() }
      let index = unsafe region.state.pointee.views.open(
        address: address, epoch: reader.epoch, isCopiedByKernel: isCopiedByKernel)
      if index != nil { unsafe record.pointee.pinCount += 1 }
      return index
    }
  }

  /// Writes the pages that have changed before the view was opened into it.
  fileprivate func fillView(at address: UInt) {
    let pageSize = unsafe region.state.pointee.pageSize
    forEachChangedPage { page in
      let destination = address + UInt(page * pageSize)
      switch reader.locate(page) {
      case .live: break
      case .zero: Kernel.zeroBytes(destination, count: pageSize)
      case .preimage(destination): break
      case .preimage(let source):
        Kernel.copyBytes(from: source, to: destination, count: pageSize)
        unsafe region.state.pointee.counters.pagesCopiedByViews.add(1, ordering: .relaxed)
      }
    }
  }

  /// Takes a view away. Its memory goes with it, unless versions live there: then when the last of
  /// them goes. All of those serve this snapshot, which is in use, so none goes meanwhile.
  fileprivate func closeView(_ index: Int, at address: UInt) {
    let state = unsafe region.state
    let held = unsafe state.pointee.control.withLock { _ in
      unsafe state.pointee.gate.close()
      unsafe state.pointee.views.close(index)
      unsafe state.pointee.openGate()
      unsafe record.pointee.pinCount -= 1
      unsafe state.pointee.limitIsLifted.store(false, ordering: .relaxed)
      let held = unsafe state.pointee.views.entry(index).pointee.heldVersions.load(
        ordering: .relaxed)
      if held > 0 { unsafe state.pointee.views.countRetired(1) }
      return held
    }
    if unsafe !state.pointee.views.entry(index).pointee.isCopiedByKernel {
      if unsafe state.pointee.resolvesInline { unsafe InlineFaults.remove(address, of: state) }
      try? Kernel.unregister(unsafe state.pointee.descriptor, address, byteCount)
    }
    if held > 0 {
      discardCopies(ofViewAt: address)
    } else {
      Kernel.unmap(address, byteCount)
      unsafe state.pointee.control.withLock { _ in unsafe state.pointee.views.free(index) }
    }
    if unsafe state.pointee.isStarved.load(ordering: .acquiring) {
      unsafe state.pointee.store.pointee.callKeeper()
    }
  }

  /// Gives back the pages of a closed view that are copies of pre-images kept elsewhere.
  private func discardCopies(ofViewAt address: UInt) {
    let pageSize = unsafe region.state.pointee.pageSize
    var copies = 0..<0
    func discard() {
      guard !copies.isEmpty else { return }
      let start = address + UInt(copies.lowerBound * pageSize)
      try? Kernel.advise(start, copies.count * pageSize, MADV_DONTNEED)
    }
    forEachChangedPage { page in
      if case .preimage(address + UInt(page * pageSize)) = reader.locate(page) { return }
      if copies.upperBound == page {
        copies = copies.lowerBound..<page + 1
      } else {
        discard()
        copies = page..<page + 1
      }
    }
    discard()
  }

  private func forEachChangedPage(_ body: (Int) -> Void) {
    let all = unsafe 0..<region.state.pointee.pageCount
    var rest = all
    while let run = unsafe region.state.pointee.table.nextRun(
      preservedSince: reader.epoch, in: rest, limit: all.count)
    {
      for page in run { body(page) }
      rest = run.upperBound..<all.upperBound
    }
  }
}

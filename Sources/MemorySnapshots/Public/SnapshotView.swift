/// A snapshot as plain, contiguous memory, for any code that reads bytes.
///
/// Read it from any thread, while writers run. What it shows may be wrong once protection was lost
/// (`MemorySnapshot.isInvalidated`): nothing tells a reader of memory. There are two kinds; both show
/// the same bytes:
///
/// - The first two views that are open over a `.sharedMemory` region, the first alone if the region has
///   a `storeLimit` and nothing has been written to since the snapshot, are private mappings of the
///   same file. Making one copies nothing but the pages that have changed since the snapshot, and a page
///   that changes later is copied by the kernel, once for each of the two.
/// - All others are filled as they are first read, up to 64 pages at a time, which takes some 10 µs.
///   They cost writers nothing, however many they are.
///
/// The view keeps its snapshot: a snapshot with an open view is neither freed by `release()` nor
/// invalidated, and the pre-images that it needs are kept though they exceed `storeLimit`. The limit
/// counts each of them once, and copies in views of the first kind; pages that readers bring into
/// views of the second kind it does not bound: `RegionStatistics.residentViewBytes` counts those.
///
/// Tasks and threads may share a view, and collections hold it. Its memory goes with the last reference; a
/// `bytes` keeps it till then, a pointer obtained from it does not.
///
/// Where userfaultfd is open to user mode only (`UserfaultSupport.Method.userModeOnly`), or the region's
/// faults are delivered inline, a system call that reads from a view of the second kind fails with
/// EFAULT for pages not read before. To write a snapshot to a file or a socket, use
/// `MemorySnapshot.write(to:)`, which always works; for other system calls, ask `systemCallsMayRead`.
///
/// Load from a view of the first kind, or have the kernel copy from it (write(2), send(2)). Do not have
/// its pages pinned or passed on: a write with O_DIRECT, vmsplice(2), MSG_ZEROCOPY, registered io_uring
/// buffers and process_vm_readv(2) refer to pages of the memory file until they are done, and get the bytes
/// of later writes to the region, without an error. Use `MemorySnapshot.write(to:)`, `copyBytes(in:into:)`,
/// or a view of the second kind, whose pages are its own: those over `.anonymous` regions all are.
///
/// A view, or a part of it, may be locked (mlock(2)) and be given advice that keeps its pages
/// (madvise(2) with MADV_SEQUENTIAL or MADV_DONTDUMP, say). munmap(2), mremap(2), mprotect(2) and
/// MADV_DONTNEED are not for views: the first kind would show live content afterwards. Under mlockall(2)
/// with MCL_FUTURE, pages of a view are locked as they come into being.
///
/// Safe to share: the mapping is not written to after it was made, but by the kernel's copies of
/// what it holds already, and by the answers to faults of its readers.
public final class SnapshotView: Sendable {
  /// The snapshot that this is a view of.
  public let snapshot: MemorySnapshot
  /// Whether a system call such as write(2) may read from the view. If not, it fails with EFAULT, or
  /// stops short, at pages that have not been read before. Of calls that pin pages instead of copying
  /// them (O_DIRECT, vmsplice(2)), it says nothing: see above.
  public let systemCallsMayRead: Bool
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
      if let view = try snapshot.openViewCopiedByKernel(operation) {
        (index, address) = view
        systemCallsMayRead = true
      } else {
        (index, address) = try snapshot.openViewFilledWhenRead(operation)
        systemCallsMayRead = region.resolvesFaultsOfSystemCalls
      }
      self.snapshot = snapshot
    } catch {
      snapshot.endUse()
      throw error
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
  public func withUnsafeBytes<Result: ~Copyable, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try withExtendedLifetime(self) { () throws(Failure) -> Result in
      try unsafe body(buffer)
    }
  }

  private var buffer: UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: address), count: byteCount)
  }
}

public import MemorySnapshots
public import Synchronization

/// A heap's content at one instant: the handles of the live heap read it as it was.
///
/// ```swift
/// let past = try heap.makeSnapshot()
/// past[accounts][0].balance
/// ```
///
/// What reads it keeps it: `try heap.makeSnapshot()[accounts][0]` is right, and the snapshot goes when that is done.
///
/// Every method may be called from any thread, while the heap is written to. The snapshot's memory is
/// mapped when it is first read, or by `open()`: from then on it is never given up. Until then, it may be
/// when the region's store is full (`MemoryRegion.StorePolicy`).
///
/// Safe to share: the view is set once.
@safe
public final class HeapSnapshot: Sendable {
  /// The snapshot of the region.
  public let memorySnapshot: MemorySnapshot
  let header: HeapHeader
  private let view = AtomicLazyReference<SnapshotView>()
  /// The view's first byte; zero without a view.
  @usableFromInline let address = Atomic<UInt>(0)
  @usableFromInline let byteCount: Int

  init(_ snapshot: MemorySnapshot, _ header: HeapHeader) {
    memorySnapshot = snapshot
    self.header = header
    byteCount = header.capacity
  }

  /// Maps the snapshot's memory, so that it can be read and is not given up.
  ///
  /// - Throws: `.snapshotFailed` if it was given up before, or there is no address space for it.
  public func open() throws(RegionHeapError) {
    guard view.load() == nil else { return }
    do throws(SnapshotError) {
      let made = view.storeIfNil(try memorySnapshot.makeView())
      let start = unsafe made.withUnsafeBytes { UInt(bitPattern: $0.baseAddress) }
      // Releasing: who sees the address sees the mapping behind it.
      address.store(start, ordering: .releasing)
    } catch {
      throw RegionHeapError(error)
    }
  }

  /// Lets the snapshot go once nobody reads it any more; calling it again has no effect. Until then, what has
  /// been mapped stays readable.
  public func release() { memorySnapshot.release() }

  /// The memory as of the snapshot. Traps if it cannot be read.
  @inlinable
  @inline(__always)
  var memory: HeapMemory {
    // Acquiring: pairs with `open()`.
    var start = address.load(ordering: .acquiring)
    if start == 0 { start = firstAddress() }
    guard let base = unsafe UnsafeRawPointer(bitPattern: start) else {
      trap("the view has no memory")
    }
    return unsafe HeapMemory(base: base, byteCount: byteCount)
  }

  /// The address of a snapshot that was not read before.
  @usableFromInline
  @inline(never)
  func firstAddress() -> UInt {
    do throws(RegionHeapError) {
      try open()
    } catch {
      trap("the snapshot cannot be read: \(error)")
    }
    return address.load(ordering: .acquiring)
  }

  var directory: Directory { Directory(header) }
}

extension HeapSnapshot {
  /// The array as of the snapshot. Traps if the handle is of none that there was.
  @inlinable
  // A coroutine, not a getter: for `try heap.makeSnapshot()[array]`, the compiler (Swift 6.3) fails on a getter.
  public subscript<Element>(array: RegionArray<Element>) -> RegionArray<Element>.Reader {
    @inline(__always)
    @_lifetime(borrow self)
    _read { yield RegionArray<Element>.Reader(array, in: memory, of: self) }
  }
}

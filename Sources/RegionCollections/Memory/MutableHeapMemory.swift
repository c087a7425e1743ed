/// A live heap's bytes for reading and writing: `HeapMemory` with stores, checked in the same way.
///
/// Writing through a copy needs what writing through the heap does: nobody else may write meanwhile.
@safe
@usableFromInline
struct MutableHeapMemory: @unchecked Sendable {
  @usableFromInline let base: UnsafeMutableRawPointer
  @usableFromInline let byteCount: Int

  /// - Parameter base: Readable and writable for `byteCount` bytes, for as long as this or a copy is used.
  @inlinable
  @unsafe
  init(base: UnsafeMutableRawPointer, byteCount: Int) {
    unsafe self.base = base
    self.byteCount = byteCount
  }

  /// The reading half.
  @inlinable
  @inline(__always)
  var readable: HeapMemory { unsafe HeapMemory(base: base, byteCount: byteCount) }

  @inlinable
  @inline(__always)
  func check(_ offset: Int, count: Int) { readable.check(offset, count: count) }

  @inlinable
  @inline(__always)
  func load<Value: BitwiseCopyable>(_ offset: Int, as type: Value.Type = Value.self) -> Value {
    readable.load(offset, as: type)
  }

  @inlinable
  @inline(__always)
  func loadInt(_ offset: Int) -> Int { readable.loadInt(offset) }

  /// Stores a value at `offset`, of any alignment. Padding bytes are stored as they happen to be.
  @inlinable
  @inline(__always)
  func store<Value: BitwiseCopyable>(_ value: Value, at offset: Int) {
    check(offset, count: MemoryLayout<Value>.size)
    unsafe base.storeBytes(of: value, toByteOffset: offset, as: Value.self)
  }

  /// Copies bytes inside the heap; the ranges may overlap.
  @inlinable
  func copy(from source: Int, to target: Int, count: Int) {
    check(source, count: count)
    check(target, count: count)
    unsafe (base + target).copyMemory(from: base + source, byteCount: count)
  }

  /// Copies bytes into the heap; they may come from it.
  @inlinable
  @inline(__always)
  func copy(_ bytes: RawSpan, to target: Int) {
    check(target, count: bytes.byteCount)
    unsafe bytes.withUnsafeBytes { source in
      guard let start = source.baseAddress else { return }
      unsafe (base + target).copyMemory(from: start, byteCount: source.count)
    }
  }

  /// Copies bytes into the heap.
  func copy(_ bytes: [UInt8], to target: Int) { copy(RawText(bytes).bytes, to: target) }

  @inlinable
  func zero(_ offset: Int, count: Int) {
    check(offset, count: count)
    unsafe (base + offset).initializeMemory(as: UInt8.self, repeating: 0, count: count)
  }

  /// Tells one heap from another in this process.
  var address: UInt { unsafe UInt(bitPattern: base) }

  /// The address of a byte, for C. Traps outside the heap.
  @unsafe
  func pointer(to offset: Int) -> UnsafeMutableRawPointer {
    check(offset, count: 1)
    return unsafe base + offset
  }

  /// The offset of an address, which may be anything: an offset that is none traps where it is used.
  @unsafe
  func offset(of pointer: UnsafeMutableRawPointer) -> Int {
    unsafe Int(bitPattern: UInt(bitPattern: pointer) &- UInt(bitPattern: base))
  }

  /// An element's address, for an access that lasts no longer than the accessor. Traps if `offset` has
  /// not its alignment.
  @inlinable
  @inline(__always)
  @unsafe
  func address<Element: BitwiseCopyable>(
    at offset: Int, as type: Element.Type
  ) -> UnsafeMutablePointer<Element> {
    readable.checkElements(at: offset, count: 1, as: type)
    return unsafe (base + offset).assumingMemoryBound(to: Element.self)
  }

  /// Elements for writing, for as long as `owner` lends the memory.
  @inlinable
  @_lifetime(&owner)
  func mutableElements<Element: BitwiseCopyable, Owner: ~Copyable & ~Escapable>(
    at offset: Int, count: Int, as type: Element.Type, of owner: inout Owner
  ) -> MutableSpan<Element> {
    readable.checkElements(at: offset, count: count, as: type)
    let start = unsafe (base + offset).assumingMemoryBound(to: Element.self)
    let span = unsafe MutableSpan<Element>(_unsafeStart: start, count: count)
    return unsafe _overrideLifetime(span, mutating: &owner)
  }

  /// Bytes for writing, for as long as `owner` lends the memory.
  @inlinable
  @_lifetime(&owner)
  func mutableBytes<Owner: ~Copyable & ~Escapable>(
    at offset: Int, count: Int, of owner: inout Owner
  ) -> MutableRawSpan {
    check(offset, count: count)
    let span = unsafe MutableRawSpan(_unsafeStart: base + offset, byteCount: count)
    return unsafe _overrideLifetime(span, mutating: &owner)
  }
}

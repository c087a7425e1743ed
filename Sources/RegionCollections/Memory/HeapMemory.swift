internal import Glibc

/// A heap's bytes for reading, as they are in the live region, in a view of a snapshot or in a copy:
/// the place is an offset, the time is which memory one looks into.
///
/// Every access is checked against the capacity, in every build: an offset that a damaged heap holds
/// traps with a sentence and never reads beyond. Offsets need no alignment.
///
/// It does not keep the memory: who makes one holds the owner for as long.
///
/// Safe to share: a base and a length; who may write meanwhile is the owner's affair.
@safe
@usableFromInline
struct HeapMemory: @unchecked Sendable {
  @usableFromInline let base: UnsafeRawPointer
  /// The heap's capacity in bytes.
  @usableFromInline let byteCount: Int

  /// - Parameter base: Readable for `byteCount` bytes, for as long as this or a copy is used.
  @inlinable
  @inline(__always)
  @unsafe
  init(base: UnsafeRawPointer, byteCount: Int) {
    unsafe self.base = base
    self.byteCount = byteCount
  }

  /// Whether `count` bytes from `offset` on are inside.
  @inlinable
  @inline(__always)
  func contains(_ offset: Int, count: Int) -> Bool {
    // An offset below zero is a large number without its sign.
    count >= 0 && count <= byteCount
      && UInt(bitPattern: offset) <= UInt(bitPattern: byteCount &- count)
  }

  @inlinable
  @inline(__always)
  func check(_ offset: Int, count: Int) {
    if !contains(offset, count: count) { trapOutside(offset, count, byteCount) }
  }

  /// The value at `offset`, of any alignment.
  @inlinable
  @inline(__always)
  func load<Value: BitwiseCopyable>(_ offset: Int, as type: Value.Type = Value.self) -> Value {
    check(offset, count: MemoryLayout<Value>.size)
    return unsafe base.loadUnaligned(fromByteOffset: offset, as: Value.self)
  }

  /// A count or an offset: eight bytes, little-endian as the machine.
  @inlinable
  @inline(__always)
  func loadInt(_ offset: Int) -> Int { load(offset, as: Int.self) }

  /// Bytes, for as long as `owner` lends the memory.
  @inlinable
  @inline(__always)
  @_lifetime(copy owner)
  func bytes<Owner: ~Copyable & ~Escapable>(
    at offset: Int, count: Int, of owner: borrowing Owner
  ) -> RawSpan {
    check(offset, count: count)
    let span = unsafe RawSpan(_unsafeStart: base + offset, byteCount: count)
    return unsafe _overrideLifetime(span, copying: owner)
  }

  /// Elements, for as long as `owner` lends the memory. Traps if `offset` has not their alignment.
  @inlinable
  @_lifetime(copy owner)
  func elements<Element: BitwiseCopyable, Owner: ~Copyable & ~Escapable>(
    at offset: Int, count: Int, as type: Element.Type, of owner: borrowing Owner
  ) -> Span<Element> {
    checkElements(at: offset, count: count, as: type)
    let start = unsafe (base + offset).assumingMemoryBound(to: Element.self)
    let span = unsafe Span<Element>(_unsafeStart: start, count: count)
    return unsafe _overrideLifetime(span, copying: owner)
  }

  @inlinable
  @inline(__always)
  func checkElements<Element: BitwiseCopyable>(
    at offset: Int, count: Int, as type: Element.Type
  ) {
    let (byteCount, overflows) = count.multipliedReportingOverflow(by: MemoryLayout<Element>.stride)
    if overflows { trapOutside(offset, count, self.byteCount) }
    check(offset, count: byteCount)
    if offset & (MemoryLayout<Element>.alignment &- 1) != 0 {
      trapMisaligned(offset, MemoryLayout<Element>.alignment)
    }
  }

  /// Calls `body` with bytes that must not escape.
  @inlinable
  @inline(__always)
  func withBytes<Result, Failure: Error>(
    at offset: Int, count: Int, _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    check(offset, count: count)
    return try body(unsafe RawSpan(_unsafeStart: base + offset, byteCount: count))
  }

  /// How many of `count` words in ascending order, `stride` bytes apart, are less than `word`. Between 0 and
  /// `count`, whatever their order is.
  ///
  /// Nothing branches on a word: a branch would be mispredicted half of the time, and the words of the last few
  /// cache lines are loaded at the same time instead of one after another.
  @inlinable
  @inline(__always)
  func countLess(than word: UInt64, at offset: Int, stride: Int, count: Int) -> Int {
    checkWords(at: offset, stride: stride, count: count)
    var result = 0
    var left = count
    while left > 48 {
      let half = left &>> 1
      let middle = unsafe base.loadUnaligned(
        fromByteOffset: offset &+ (result &+ half &- 1) &* stride, as: UInt64.self)
      result &+= middle < word ? half : 0
      left &-= half
    }
    var less = 0
    var position = offset &+ result &* stride
    for _ in 0..<left {
      let next = unsafe base.loadUnaligned(fromByteOffset: position, as: UInt64.self)
      less &+= next < word ? 1 : 0
      position &+= stride
    }
    return result &+ less
  }

  @inlinable
  @inline(__always)
  func checkWords(at offset: Int, stride: Int, count: Int) {
    // The last word reaches beyond its stride if that is less than eight.
    let (byteCount, overflows) = max(count, 0).multipliedReportingOverflow(by: max(stride, 8))
    if overflows { trapOutside(offset, count, self.byteCount) }
    check(offset, count: byteCount)
  }

  /// Whether two ranges hold the same bytes.
  func isEqual(_ offset: Int, _ bytes: RawSpan) -> Bool {
    check(offset, count: bytes.byteCount)
    return unsafe bytes.withUnsafeBytes { other in
      unsafe other.elementsEqual(UnsafeRawBufferPointer(start: base + offset, count: other.count))
    }
  }

  /// Whether all bytes of a range are zero.
  func isZero(_ offset: Int, count: Int) -> Bool {
    check(offset, count: count)
    guard count > 0 else { return true }
    // Each byte equals the next, and the first is zero.
    guard load(offset, as: UInt8.self) == 0 else { return false }
    return unsafe memcmp(base + offset, base + offset + 1, count - 1) == 0
  }

  /// Calls `body` with bytes that lie elsewhere, as if they were a heap's.
  static func over<Result>(_ bytes: [UInt8], _ body: (HeapMemory) -> Result) -> Result {
    unsafe bytes.withUnsafeBytes { buffer in
      guard let base = buffer.baseAddress else { trap("no bytes are no heap's") }
      return body(unsafe HeapMemory(base: base, byteCount: buffer.count))
    }
  }

  /// A copy of bytes as an array.
  func array(at offset: Int, count: Int) -> [UInt8] {
    check(offset, count: count)
    return unsafe [UInt8](UnsafeRawBufferPointer(start: base + offset, count: count))
  }
}

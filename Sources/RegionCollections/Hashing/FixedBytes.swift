/// So many bytes as a key, without padding: `FixedBytes<20>` for a SHA-1 digest, say.
@frozen
public struct FixedBytes<let byteCount: Int>: RegionKey, Sendable {
  /// The bytes.
  public var bytes: InlineArray<byteCount, UInt8>

  /// A key of these bytes.
  @inlinable
  public init(_ bytes: InlineArray<byteCount, UInt8>) { self.bytes = bytes }

  /// A key with the bytes of a tuple, or of another value without padding. Traps if it has not as many.
  @inlinable
  public init<Tuple: BitwiseCopyable>(_ tuple: Tuple) {
    precondition(
      MemoryLayout<Tuple>.size == byteCount, "a key of another number of bytes than the value has")
    bytes = unsafe unsafeBitCast(tuple, to: InlineArray<byteCount, UInt8>.self)
  }

  /// Whether two keys have the same bytes.
  @inlinable
  public static func == (left: FixedBytes, right: FixedBytes) -> Bool {
    left.bytes.span.rawBytes.hasSameBytes(as: right.bytes.span.rawBytes)
  }

  /// The hash of the bytes.
  @inlinable
  public func hash(seed: UInt64) -> UInt64 {
    RegionHash.hash(bytes.span.rawBytes, seed: seed)
  }
}

extension RawSpan {
  /// Whether two spans hold the same bytes.
  @inlinable
  func hasSameBytes(as other: RawSpan) -> Bool {
    guard byteCount == other.byteCount else { return false }
    var position = 0
    while byteCount &- position >= 8 {
      if RegionHash.word(self, position) != RegionHash.word(other, position) { return false }
      position &+= 8
    }
    while position < byteCount {
      if RegionHash.byte(self, position) != RegionHash.byte(other, position) { return false }
      position &+= 1
    }
    return true
  }

  /// Whether the bytes come before others in the order of dictionaries: -1; after them: 1; or are the same: 0.
  @inlinable
  func compareBytes(with other: RawSpan) -> Int {
    let count = min(byteCount, other.byteCount)
    var position = 0
    while count &- position >= 8 {
      let mine = RegionHash.word(self, position)
      let others = RegionHash.word(other, position)
      if mine != others { return mine.byteSwapped < others.byteSwapped ? -1 : 1 }
      position &+= 8
    }
    while position < count {
      let mine = RegionHash.byte(self, position)
      let others = RegionHash.byte(other, position)
      if mine != others { return mine < others ? -1 : 1 }
      position &+= 1
    }
    return byteCount == other.byteCount ? 0 : (byteCount < other.byteCount ? -1 : 1)
  }
}

extension Span<UInt8> {
  /// The bytes. They have no padding, so that this is safe, whatever `bytes` says of elements in general.
  @inlinable
  var rawBytes: RawSpan {
    @_lifetime(copy self)
    get { unsafe bytes }
  }
}

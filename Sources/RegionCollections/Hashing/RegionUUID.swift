/// A universally unique identifier as a key: sixteen bytes without padding, in the order of RFC 9562.
///
/// `RegionUUID(uuid.uuid)` makes one from Foundation's, `UUID(uuid: key.bytes)` the other way round.
@frozen
public struct RegionUUID: RegionKey, Hashable, Sendable {
  /// The first and the last eight bytes, as they lie in memory.
  @usableFromInline let words: (UInt64, UInt64)

  /// Sixteen bytes as a tuple, which Foundation's `uuid_t` is.
  public typealias Bytes = (
    UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8,
    UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8
  )

  /// The identifier of these bytes.
  @inlinable
  public init(_ bytes: Bytes) { words = unsafe unsafeBitCast(bytes, to: (UInt64, UInt64).self) }

  /// A new random identifier, of version 4.
  public init() {
    var generator = SystemRandomNumberGenerator()
    self.init(using: &generator)
  }

  /// A new random identifier, of version 4, from a generator of random numbers.
  public init(using generator: inout some RandomNumberGenerator) {
    // Big-endian: byte 6 holds the version, byte 8 the variant.
    let high = generator.next() & ~0xf000 | 0x4000
    let low = generator.next() & ~(0b11 << 62) | 0b10 << 62
    words = (high.bigEndian, low.bigEndian)
  }

  /// The sixteen bytes.
  @inlinable
  public var bytes: Bytes { unsafe unsafeBitCast(words, to: Bytes.self) }

  /// Whether two identifiers are the same.
  @inlinable
  public static func == (left: RegionUUID, right: RegionUUID) -> Bool { left.words == right.words }

  /// Feeds the identifier to Swift's own hash tables.
  @inlinable
  public func hash(into hasher: inout Hasher) {
    hasher.combine(words.0)
    hasher.combine(words.1)
  }

  /// The hash of both words, little-endian.
  @inlinable
  public func hash(seed: UInt64) -> UInt64 {
    RegionHash.hash(
      words.1.littleEndian, seed: RegionHash.hash(words.0.littleEndian, seed: seed))
  }
}

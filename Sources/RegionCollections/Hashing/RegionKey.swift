/// A key of a dictionary in a region: a value whose hash and equality are the same in every process.
///
/// Conform a type of your own by hashing its fields, never its bytes: padding has any content.
///
/// ```swift
/// struct Position: RegionKey {
///   var row: Int32
///   var column: Int32
///   func hash(seed: UInt64) -> UInt64 { column.hash(seed: row.hash(seed: seed)) }
/// }
/// ```
///
/// What equal keys have in common, `hash(seed:)` may depend on, and on nothing else: no addresses, no
/// `Hasher`. A heap that was saved keeps the hashes.
public protocol RegionKey: BitwiseCopyable, Equatable {
  /// A hash whose every bit depends on every bit of the key and the seed; `RegionHash` gives one.
  func hash(seed: UInt64) -> UInt64
}

extension RegionKey where Self: FixedWidthInteger {
  /// The hash of the integer as a word of 64 bits, sign extended; of 128, of both halves.
  @inlinable
  public func hash(seed: UInt64) -> UInt64 {
    let low = RegionHash.hash(UInt64(truncatingIfNeeded: self), seed: seed)
    if Self.bitWidth <= 64 { return low }
    return RegionHash.hash(UInt64(truncatingIfNeeded: self >> 64), seed: low)
  }
}

extension Int: RegionKey {}
extension Int8: RegionKey {}
extension Int16: RegionKey {}
extension Int32: RegionKey {}
extension Int64: RegionKey {}
extension Int128: RegionKey {}
extension UInt: RegionKey {}
extension UInt8: RegionKey {}
extension UInt16: RegionKey {}
extension UInt32: RegionKey {}
extension UInt64: RegionKey {}
extension UInt128: RegionKey {}

/// Where the units of a vector lie that grows without moving: in segments, four for each doubling.
///
/// The first `1 << base` units are in four segments of a quarter each; each four that follow are twice as
/// large. So the vector has at most a quarter more room than it needs, and a unit is found by a few bit
/// operations.
@usableFromInline
enum Segments {
  /// - Parameter base: At least 2.
  @inlinable
  @inline(__always)
  static func locate(_ index: Int, base: Int) -> (segment: Int, position: Int) {
    let moved = index &+ (1 &<< base)
    let exponent = 63 &- moved.leadingZeroBitCount
    let shift = exponent &- 2
    let segment = (exponent &- base) &<< 2 | (moved &>> shift) & 3
    return (segment, moved & ((1 &<< shift) &- 1))
  }

  /// How many units a segment holds.
  @inlinable
  static func unitCount(ofSegment segment: Int, base: Int) -> Int {
    1 << (base + segment >> 2 - 2)
  }

  /// The first unit of a segment.
  @inlinable
  static func firstUnit(ofSegment segment: Int, base: Int) -> Int {
    (4 | segment & 3) << (base + segment >> 2 - 2) - 1 << base
  }

  /// How many segments the first `count` units are in.
  @inlinable
  static func segmentCount(holding count: Int, base: Int) -> Int {
    count == 0 ? 0 : locate(count - 1, base: base).segment + 1
  }
}

/// How long something took, counted in buckets that are at most an eighth of their value wide.
public struct LatencyHistogram: Sendable, Hashable, Codable {
  static var bucketsPerOctave: Int { 8 }
  static var bucketCount: Int { 42 * bucketsPerOctave }

  /// The number of samples in each bucket.
  var counts: [UInt64]
  /// The longest sample, in nanoseconds.
  public internal(set) var maximum: UInt64

  /// The number of samples.
  public var count: UInt64 { counts.reduce(0, +) }

  /// The time in nanoseconds within which half of the samples lie.
  public var p50: UInt64 { percentile(50) }

  /// The time in nanoseconds within which 99 of a hundred samples lie.
  public var p99: UInt64 { percentile(99) }

  /// The upper bound, in nanoseconds, of the bucket that holds the given percentile; 0 without
  /// samples.
  ///
  /// - Complexity: O(buckets), about 300.
  public func percentile(_ percentile: Double) -> UInt64 {
    let total = count
    guard total > 0, !percentile.isNaN else { return 0 }
    let wanted = UInt64((Double(total) * min(max(percentile, 0), 100) / 100).rounded(.up))
    var seen: UInt64 = 0
    for bucket in counts.indices {
      seen += counts[bucket]
      if seen >= max(wanted, 1) {
        return min(LatencyHistogram.upperBound(ofBucket: bucket), maximum)
      }
    }
    return maximum
  }

  /// The bucket of a sample: the position of its highest bit, and the three bits below it.
  @_noLocks
  static func bucket(of nanoseconds: UInt64) -> Int {
    guard nanoseconds >= 8 else { return Int(truncatingIfNeeded: nanoseconds) }
    let octave = 63 - nanoseconds.leadingZeroBitCount
    let step = Int(truncatingIfNeeded: nanoseconds >> UInt64(octave - 3)) & 7
    return min((octave - 2) * 8 + step, 42 * 8 - 1)
  }

  static func upperBound(ofBucket bucket: Int) -> UInt64 {
    guard bucket >= 8 else { return UInt64(bucket) }
    let octave = bucket / 8 + 2
    return UInt64(9 + bucket % 8) << UInt64(octave - 3) - 1
  }
}

/// How long something took, counted in buckets that are at most an eighth of their value wide.
public struct LatencyHistogram: Sendable, Hashable {
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

extension LatencyHistogram: Codable {
  private enum CodingKeys: String, CodingKey {
    case counts
    case maximum
  }

  /// Decodes what `encode(to:)` has written.
  ///
  /// - Throws: `DecodingError` if a bucket does not exist.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    maximum = try container.decode(UInt64.self, forKey: .maximum)
    counts = [UInt64](repeating: 0, count: LatencyHistogram.bucketCount)
    for (bucket, count) in try container.decode([Int: UInt64].self, forKey: .counts) {
      guard counts.indices.contains(bucket) else {
        throw DecodingError.dataCorruptedError(
          forKey: .counts, in: container, debugDescription: "There is no bucket \(bucket).")
      }
      counts[bucket] = count
    }
  }

  /// Encodes the buckets that hold samples, by their numbers; most hold none.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    let filled = counts.indices.filter { counts[$0] > 0 }.map { ($0, counts[$0]) }
    try container.encode([Int: UInt64](uniqueKeysWithValues: filled), forKey: .counts)
    try container.encode(maximum, forKey: .maximum)
  }
}

/// How long something took, counted in buckets that are at most an eighth of their value wide.
public struct LatencyHistogram: Sendable, Hashable {
  static var bucketsPerOctave: Int { 8 }
  static var bucketCount: Int { 42 * bucketsPerOctave }

  /// The number of samples in each bucket.
  var counts: [Int]
  var sumOfNanoseconds: UInt64
  var mostNanoseconds: UInt64

  init(counts: [Int], sumOfNanoseconds: UInt64, mostNanoseconds: UInt64) {
    self.counts = counts
    self.sumOfNanoseconds = sumOfNanoseconds
    self.mostNanoseconds = mostNanoseconds
  }

  /// Counts samples, to the nanosecond; those below zero as zero.
  public init(_ samples: some Sequence<Duration> = []) {
    self.init(
      counts: [Int](repeating: 0, count: LatencyHistogram.bucketCount), sumOfNanoseconds: 0,
      mostNanoseconds: 0)
    for sample in samples {
      let nanoseconds = sample.wholeNanoseconds
      counts[LatencyHistogram.bucket(of: nanoseconds)] += 1
      sumOfNanoseconds &+= nanoseconds
      mostNanoseconds = max(mostNanoseconds, nanoseconds)
    }
  }

  /// A range of times, and how many samples lie in it.
  public struct Bucket: Sendable, Hashable {
    /// The shortest and the longest time that belong to it, to the nanosecond.
    public let bounds: ClosedRange<Duration>
    /// The number of samples.
    public let count: Int
  }

  /// The buckets that hold samples, from the shortest times to the longest.
  public var buckets: [Bucket] {
    counts.indices.filter { counts[$0] > 0 }.map { bucket in
      let lowest = bucket == 0 ? 0 : LatencyHistogram.upperBound(ofBucket: bucket - 1) + 1
      let highest = max(lowest, min(LatencyHistogram.upperBound(ofBucket: bucket), mostNanoseconds))
      return Bucket(
        bounds: .wholeNanoseconds(lowest)...(.wholeNanoseconds(highest)), count: counts[bucket])
    }
  }

  /// The number of samples.
  public var count: Int { counts.reduce(0, &+) }

  /// All samples together.
  public var sum: Duration { .wholeNanoseconds(sumOfNanoseconds) }

  /// The mean; zero without samples.
  public var mean: Duration { count == 0 ? .zero : sum / count }

  /// The longest sample.
  public var maximum: Duration { .wholeNanoseconds(mostNanoseconds) }

  /// The time within which half of the samples lie.
  public var p50: Duration { percentile(50) }

  /// The time within which 99 of a hundred samples lie.
  public var p99: Duration { percentile(99) }

  /// The upper bound of the bucket that holds the given percentile; zero without samples.
  ///
  /// - Complexity: O(buckets), about 300.
  public func percentile(_ percentile: Double) -> Duration {
    let total = count
    guard total > 0, !percentile.isNaN else { return .zero }
    let wanted = Int((Double(total) * min(max(percentile, 0), 100) / 100).rounded(.up))
    var seen = 0
    for bucket in counts.indices {
      seen += counts[bucket]
      if seen >= max(wanted, 1) {
        return .wholeNanoseconds(
          min(LatencyHistogram.upperBound(ofBucket: bucket), mostNanoseconds))
      }
    }
    return maximum
  }

  /// The samples that have been added since an earlier state of the same histogram.
  ///
  /// - Parameter earlier: The same histogram, read before. What it counts and this one does not is left
  ///   out of account.
  /// - Returns: The differences. The longest of them is not known: `maximum` is then the upper bound of
  ///   their highest bucket, or this histogram's, if that is less.
  public func since(_ earlier: LatencyHistogram) -> LatencyHistogram {
    let differences = zip(counts, earlier.counts).map { max($0 - $1, 0) }
    let highest = differences.lastIndex { $0 > 0 }.map(LatencyHistogram.upperBound(ofBucket:))
    return LatencyHistogram(
      counts: differences,
      sumOfNanoseconds: sumOfNanoseconds - min(earlier.sumOfNanoseconds, sumOfNanoseconds),
      mostNanoseconds: min(highest ?? 0, mostNanoseconds))
  }

  /// The bucket of a sample: the position of its highest bit, and the three bits below it.
  @_noLocks
  static func bucket(of nanoseconds: UInt64) -> Int {
    guard nanoseconds >= 8 else { return Int(truncatingIfNeeded: nanoseconds) }
    let octave = 63 - nanoseconds.leadingZeroBitCount
    let step = Int(truncatingIfNeeded: nanoseconds >> UInt64(octave - 3)) & 7
    return min((octave - 2) * 8 + step, 42 * 8 - 1)
  }

  /// The last bucket, for whatever takes longer than some four and a half hours, has no bound.
  static func upperBound(ofBucket bucket: Int) -> UInt64 {
    guard bucket >= 8 else { return UInt64(bucket) }
    guard bucket < bucketCount - 1 else { return .max }
    let octave = bucket / 8 + 2
    return UInt64(9 + bucket % 8) << UInt64(octave - 3) - 1
  }
}

extension LatencyHistogram: Codable {
  private enum CodedField: String, CodingKey {
    case count
    case sumNanoseconds
    case maximumNanoseconds
    case buckets
  }

  private struct CodedBucket: Codable {
    let fromNanoseconds: UInt64
    let throughNanoseconds: UInt64
    let count: Int
  }

  /// Decodes what `encode(to:)` has written.
  ///
  /// - Throws: `DecodingError` if the times of a bucket do not belong together, a number is negative, or the
  ///   buckets do not add up.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodedField.self)
    self.init()
    sumOfNanoseconds = try container.decode(UInt64.self, forKey: .sumNanoseconds)
    mostNanoseconds = try container.decode(UInt64.self, forKey: .maximumNanoseconds)
    let count = try container.decode(Int.self, forKey: .count)
    var left = count
    for coded in try container.decode([CodedBucket].self, forKey: .buckets) {
      let bucket = LatencyHistogram.bucket(of: coded.fromNanoseconds)
      guard bucket == LatencyHistogram.bucket(of: coded.throughNanoseconds), counts[bucket] == 0,
        coded.count > 0, coded.count <= left
      else {
        throw DecodingError.dataCorruptedError(
          forKey: .buckets, in: container,
          debugDescription: "From \(coded.fromNanoseconds) ns through "
            + "\(coded.throughNanoseconds) ns is no bucket, or there twice, or its "
            + "\(coded.count) samples are not among all.")
      }
      counts[bucket] = coded.count
      left -= coded.count
    }
    guard left == 0 else {
      throw DecodingError.dataCorruptedError(
        forKey: .count, in: container,
        debugDescription: "The buckets do not hold \(count) samples.")
    }
  }

  /// Encodes the number of samples, their sum and maximum, and the buckets that hold any with their
  /// bounds; times in nanoseconds.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodedField.self)
    try container.encode(count, forKey: .count)
    try container.encode(sumOfNanoseconds, forKey: .sumNanoseconds)
    try container.encode(mostNanoseconds, forKey: .maximumNanoseconds)
    try container.encode(
      buckets.map {
        CodedBucket(
          fromNanoseconds: $0.bounds.lowerBound.wholeNanoseconds,
          throughNanoseconds: $0.bounds.upperBound.wholeNanoseconds, count: $0.count)
      }, forKey: .buckets)
  }
}

extension Duration {
  /// A number of nanoseconds; the most that a duration can have, beyond.
  static func wholeNanoseconds(_ nanoseconds: UInt64) -> Duration {
    .nanoseconds(Int64(clamping: nanoseconds))
  }

  /// Nanoseconds, rounded down; zero for less, and the most that there can be for more.
  package var wholeNanoseconds: UInt64 {
    let (seconds, attoseconds) = components
    guard seconds >= 0, attoseconds >= 0 else { return 0 }
    let (whole, overflows) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
    return overflows ? .max : whole &+ UInt64(attoseconds / 1_000_000_000)
  }
}

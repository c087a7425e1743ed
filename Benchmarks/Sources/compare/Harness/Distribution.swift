import CPeers
import Foundation
import Histogram

/// Latencies that the C loops record into; one recorder for each writer thread.
final class LatencyRecorder {
  let recorder: UnsafeMutablePointer<cpeers_latencies>

  init() throws {
    guard let recorder = cpeers_latencies_create() else { throw PeerError.system("malloc") }
    self.recorder = recorder
  }

  deinit {
    cpeers_latencies_destroy(recorder)
  }

  /// Adds what was recorded to a histogram of nanoseconds.
  func add(to histogram: inout Histogram<UInt64>) {
    let latencies = recorder.pointee
    let counts = UnsafeBufferPointer(start: latencies.counts, count: 1 << 16)
    for (nanoseconds, count) in counts.enumerated() where count > 0 {
      histogram.record(UInt64(nanoseconds), count: UInt64(count))
    }
    for nanoseconds in UnsafeBufferPointer(
      start: latencies.long_values, count: latencies.long_count)
    {
      histogram.record(min(nanoseconds, histogram.highestTrackableValue))
    }
  }
}

extension Histogram<UInt64> {
  /// Nanoseconds, up to a minute, to three digits.
  static func ofNanoseconds() -> Self {
    Histogram(highestTrackableValue: 60_000_000_000, numberOfSignificantValueDigits: .three)
  }

  func microseconds(atPercentile percentile: Double) -> Double {
    Double(valueAtPercentile(percentile)) / 1000
  }
}

/// A latency distribution as the plots draw it, on an axis of nines.
struct Distribution: Codable, Sendable {
  var scenario: String
  var condition: String
  var peer: String
  /// How many latencies were recorded.
  var count: Int
  /// The latencies, in microseconds, that all but one in 10^(n / 10) stay within, for n = 0, 1, 2 and so on.
  var microseconds: [Double]
  /// The longest, in microseconds.
  var maximum: Double

  init(scenario: String, condition: String, peer: String, histogram: Histogram<UInt64>) {
    self.scenario = scenario
    self.condition = condition
    self.peer = peer
    count = Int(histogram.totalCount)
    maximum = Double(histogram.max) / 1000
    microseconds = stride(from: 0, to: 10 * log10(Double(max(count, 1))), by: 1).map { tenths in
      histogram.microseconds(atPercentile: 100 - 100 / pow(10, tenths / 10))
    }
  }

  /// How many latencies there are to one that is longer, and the latency.
  var points: [(x: Double, y: Double)] {
    microseconds.enumerated().map { (pow(10, Double($0.offset) / 10), $0.element) }
      + [(Double(count), maximum)]
  }
}

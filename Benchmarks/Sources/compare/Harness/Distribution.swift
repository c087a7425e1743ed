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

/// A latency distribution as the plots draw it.
struct Distribution: Codable, Sendable {
  var scenario: String
  var condition: String
  var peer: String
  var points: [Point]

  struct Point: Codable, Sendable {
    var percentile: Double
    var microseconds: Double
  }

  init(scenario: String, condition: String, peer: String, histogram: Histogram<UInt64>) {
    self.scenario = scenario
    self.condition = condition
    self.peer = peer
    // Evenly spaced in the number of nines, which is the axis that tails are drawn on.
    let mostNines = log10(Double(max(histogram.totalCount, 1)))
    var points = stride(from: 0.0, to: mostNines, by: 0.1).map { nines in
      let percentile = 100 - 100 / pow(10, nines)
      return Point(
        percentile: percentile, microseconds: histogram.microseconds(atPercentile: percentile))
    }
    points.append(
      Point(
        percentile: 100 - 100 / pow(10, mostNines), microseconds: Double(histogram.max) / 1000))
    self.points = points
  }
}

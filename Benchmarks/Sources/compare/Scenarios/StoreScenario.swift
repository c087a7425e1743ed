import CPeers
import Foundation
import Histogram
import SystemPackage

/// A key-value store that is saved every second while it is updated as fast as one thread can.
struct StoreScenario: Scenario {
  let name = "store"
  let summary = """
    Zipfian updates (0.99) of 128-byte records over 256 MiB; a snapshot a second, saved meanwhile.
    """
  let metrics = [
    Self.throughput, "p50 µs", "p99 µs", Self.tail, Self.worst, Self.extra, Self.save,
  ]
  let reference = Contestant.fork.name

  static let condition = "zipf 0.99"
  static let throughput = "M upd/s"
  static let tail = "p99.9 µs"
  static let worst = "worst ms"
  static let extra = "extra MiB"
  static let save = "save ms"

  private let recordSize = 128

  func run(_ scale: Scale, into measurements: inout Measurements) throws {
    let byteCount = scale.of(256, quick: 32) << 20
    let records = zipfianRecords(
      scale.of(1 << 22, quick: 1 << 19), of: byteCount / recordSize, exponent: 0.99, seed: 1)
    var histograms: [String: Histogram<UInt64>] = [:]
    let rounds = Rounds(count: scale.of(3, quick: 1), scenario: name, condition: Self.condition)
    rounds.run(StoreContestant.all, into: &measurements) { contestant, _, samples in
      let run = StoreRun(
        try contestant.make(byteCount), target: try Self.openTarget(byteCount))
      let latencies = try LatencyRecorder()
      let result = records.withUnsafeBufferPointer { records in
        run.update(
          records, recordSize: recordSize, duration: scale.of(8, quick: 2) * 1_000_000_000,
          latencies)
      }
      let saves = try run.finish()
      var histogram = Histogram<UInt64>.ofNanoseconds()
      latencies.add(to: &histogram)
      samples.add(Double(result.updates) / Double(result.nanoseconds) * 1e3, Self.throughput)
      samples.add(histogram.microseconds(atPercentile: 50), "p50 µs")
      samples.add(histogram.microseconds(atPercentile: 99), "p99 µs")
      samples.add(histogram.microseconds(atPercentile: 99.9), Self.tail)
      samples.add(Double(histogram.max) / 1e6, Self.worst)
      if !saves.isEmpty {
        samples.add(saves.map { Double($0.extraBytes) / 0x1p20 }.max() ?? .nan, Self.extra)
        samples.add(saves.map { Double($0.nanoseconds) / 1e6 }.median, Self.save)
      }
      histograms[contestant.name, default: .ofNanoseconds()].add(histogram)
    }
    for contestant in StoreContestant.all {
      guard let histogram = histograms[contestant.name] else { continue }
      measurements.distributions.append(
        Distribution(
          scenario: name, condition: Self.condition, peer: contestant.name, histogram: histogram))
    }
  }

  private static func openTarget(_ byteCount: Int) throws -> FileDescriptor {
    let descriptor = cpeers_store_open_target(byteCount)
    guard descriptor >= 0 else { throw PeerError.system("memfd_create") }
    return FileDescriptor(rawValue: descriptor)
  }
}

import CPeers
import Foundation
import Histogram

/// What the first write to a page after a snapshot costs its writer.
struct FaultScenario: Scenario {
  let name = "fault"
  let summary = "The first write to each page after a snapshot: latency of one write."
  let metrics = [Self.median, Self.tail, "p99.9 µs", "worst µs", Self.mean]
  let reference = Contestant.fork.name

  static let median = "p50 µs"
  static let tail = "p99 µs"
  /// Elapsed time by pages written, all writers together.
  static let mean = "µs/page"

  /// Where a single writer and the threads of its peer run.
  enum Placement: String {
    case anywhere = ""
    /// Everything on one processor: each fault is a switch of threads.
    case oneProcessor = ", one CPU"
    /// The writer on one processor and the peer's threads on another: each fault is a wake-up.
    case twoProcessors = ", two CPUs"
  }

  struct Conditions: CustomStringConvertible {
    var order: PageOrder
    var writers = 1
    var placement = Placement.anywhere
    /// Whether this is the first snapshot after a while in which nothing happened.
    var isCold = false

    var description: String {
      let writers = "\(writers) writer\(writers == 1 ? "" : "s")"
      return "\(order), \(writers)\(placement.rawValue)\(isCold ? ", cold" : "")"
    }
  }

  /// Long enough for a hypervisor to take back what the guest reports as free, and for the library to
  /// set memory aside.
  private static let idleSeconds: UInt32 = 3

  static let allConditions: [Conditions] =
    [Conditions(order: .random, isCold: true)]
    + [PageOrder.random, .sequential].flatMap { order in
      [1, 2, 4].map { Conditions(order: order, writers: $0) }
        + [Placement.oneProcessor, .twoProcessors].map { Conditions(order: order, placement: $0) }
    }

  func run(_ scale: Scale, into measurements: inout Measurements) throws {
    let byteCount = scale.of(256, quick: 32) << 20
    let pageCount = scale.of(16_384, quick: 2048)
    for conditions in Self.allConditions {
      if conditions.placement == .twoProcessors, cpeers_processor_count() < 2 { continue }
      let contestants: [Contestant] = [
        .fork, .protection, .threadInC, .signalInC, .handlerThread, .inline, .hugePages,
        .hugePagesInline,
      ]
      var histograms: [String: Histogram<UInt64>] = [:]
      let rounds = Rounds(
        count: conditions.isCold ? min(3, scale.rounds) : scale.rounds, scenario: name,
        condition: "\(conditions)")
      rounds.run(contestants, into: &measurements) { contestant, round, samples in
        // The same pages for every peer of a round.
        let pages = conditions.order.pages(pageCount, of: byteCount / pageSize, seed: round)
        try measure(
          contestant, byteCount, conditions, pages, &samples,
          &histograms[contestant.name, default: .ofNanoseconds()])
      }
      for contestant in contestants {
        guard let histogram = histograms[contestant.name], histogram.totalCount > 0 else {
          continue
        }
        measurements.distributions.append(
          Distribution(
            scenario: name, condition: "\(conditions)", peer: contestant.name,
            histogram: histogram))
      }
    }
  }

  private func measure(
    _ contestant: Contestant, _ byteCount: Int, _ conditions: Conditions, _ pages: [UInt32],
    _ samples: inout Samples, _ pooled: inout Histogram<UInt64>
  ) throws {
    defer { cpeers_unbind_thread() }
    // The peer's threads inherit the processor of the thread that makes them.
    switch conditions.placement {
    case .anywhere: break
    case .oneProcessor: cpeers_bind_thread(0)
    case .twoProcessors: cpeers_bind_thread(1)
    }
    let peer = try contestant.make(byteCount)
    if conditions.placement == .twoProcessors {
      // A peer may make its threads with its first snapshot.
      _ = try peer.takeSnapshot()
      try peer.releaseSnapshots()
      cpeers_bind_thread(0)
    }
    if conditions.isCold {
      sleep(Self.idleSeconds)
    } else {
      // The first snapshot's writes find caches, pools and page tables unused.
      _ = try TimedWrites(to: peer, pages, writers: conditions.writers)
    }
    let writes = try TimedWrites(to: peer, pages, writers: conditions.writers)
    let histogram = writes.latencies
    samples.add(histogram.microseconds(atPercentile: 50), Self.median)
    samples.add(histogram.microseconds(atPercentile: 99), Self.tail)
    samples.add(histogram.microseconds(atPercentile: 99.9), "p99.9 µs")
    samples.add(Double(histogram.max) / 1000, "worst µs")
    samples.add(Double(writes.nanoseconds) / 1000 / Double(pages.count), Self.mean)
    pooled.add(histogram)
  }
}

import Foundation

extension Chart {
  /// The pause against the share of the pages that were written to since the snapshot before.
  static func pause(_ record: Record) -> Chart? {
    let shares = [0.01, 0.1, 1, 10, 100]
    let sizes = [64 << 20, 1 << 30].filter { size in
      record.results.contains {
        $0.scenario == "pause" && $0.condition.hasPrefix(describe(bytes: size))
      }
    }
    guard let byteCount = sizes.last else { return nil }
    let peers: [Contestant] = [
      .fork, .forkOfHugePages, .handlerThread, .inline, .hugePages, .threadInC, .protection, .copy,
    ]
    let curves = peers.compactMap { peer -> Curve? in
      let points = shares.compactMap { share -> (x: Double, y: Double)? in
        let key = SeriesKey(
          scenario: "pause", condition: PauseScenario.condition(byteCount, share),
          peer: peer.name, metric: PauseScenario.pause)
        return record.median(of: key).map { (share, $0) }
      }
      return points.isEmpty ? nil : Curve(peer: peer.name, points: points)
    }
    return Chart(
      name: "pause", title: "Taking a snapshot of \(describe(bytes: byteCount))",
      panels: [
        Panel(
          title: "by the share of pages written to since the last one",
          xLabel: "pages written to, %", yLabel: "pause, ms (logarithmic)",
          settings: """
            set logscale xy
            set xrange [0.008:125]
            set format x "%g"
            set format y "%g"
            """,
          curves: curves, showsPoints: true)
      ])
  }

  /// The latency of the write that finds its page protected, by percentile.
  static func fault(_ record: Record) -> Chart? {
    let conditions = [
      FaultScenario.Conditions(order: .random), FaultScenario.Conditions(order: .sequential),
    ]
    let panels = conditions.compactMap { conditions in
      distributionPanel(
        record, scenario: "fault", condition: "\(conditions)",
        title: "\(conditions.order) order, one writer", yLabel: "one write, µs (logarithmic)")
    }
    return panels.isEmpty
      ? nil
      : Chart(
        name: "fault", title: "The first write to each page after a snapshot", panels: panels)
  }

  /// The latency of the store's updates, by percentile.
  static func store(_ record: Record) -> Chart? {
    distributionPanel(
      record, scenario: "store", condition: StoreScenario.condition,
      title: "zipfian updates over 256 MiB by one thread, as fast as it can",
      yLabel: "one update, µs (logarithmic)"
    ).map {
      Chart(
        name: "store", title: "A key-value store, saved every second", panels: [$0])
    }
  }

  /// A latency distribution on an axis of nines.
  private static func distributionPanel(
    _ record: Record, scenario: String, condition: String, title: String, yLabel: String
  ) -> Panel? {
    let curves = record.distributions
      .filter { $0.scenario == scenario && $0.condition == condition }
      .map { Curve(peer: $0.peer, points: $0.points) }
    guard !curves.isEmpty else { return nil }
    return Panel(
      title: title, xLabel: "percentile", yLabel: yLabel,
      settings: """
        set logscale xy
        set xrange [1:*] noextend
        set xtics ("0" 1, "50" 2, "90" 10, "99" 100, "99.9" 1e3, "99.99" 1e4, "99.999" 1e5, \
        "99.9999" 1e6, "99.99999" 1e7, "99.999999" 1e8)
        set format y "%g"
        """,
      curves: curves)
  }
}

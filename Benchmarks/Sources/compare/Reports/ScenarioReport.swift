import Foundation
import TextTable

/// The table of one scenario: a line for each condition and peer, a column for each quantity, and
/// the first quantity as a multiple of the reference peer's.
struct ScenarioReport {
  let scenario: any Scenario
  let measurements: Measurements

  private struct Row {
    var title: String
    var quantities: [String] = []
    var ratio = ""
  }

  func print() {
    let rows = self.rows
    let titleWidth = rows.map(\.title.count).max() ?? 0
    let ratioTitle = "× \(scenario.reference)"
    let ratioWidth = max(ratioTitle.count, rows.map(\.ratio.count).max() ?? 0)
    let table = TextTable<Row> { row in
      var columns = [Column(title: "", value: row.title, width: titleWidth)]
      columns += scenario.metrics.enumerated().map { index, metric in
        let quantity = index < row.quantities.count ? row.quantities[index] : ""
        return Column(title: metric, value: quantity, width: max(6, metric.count), align: .right)
      }
      if !scenario.reference.isEmpty {
        columns.append(
          Column(title: ratioTitle, value: row.ratio, width: ratioWidth, align: .right))
      }
      return columns
    }
    Swift.print("\n\(scenario.name): \(scenario.summary)")
    table.print(rows, style: Style.simple)
    printUnavailable()
  }

  /// A peer that is not available under many conditions for one reason is named once.
  private func printUnavailable() {
    let missing = measurements.unavailable.filter { $0.scenario == scenario.name }
    var seen: Set<[String]> = []
    for first in missing where seen.insert([first.peer, first.reason]).inserted {
      let conditions = missing.filter { $0.peer == first.peer && $0.reason == first.reason }
      Swift.print("not available: \(first.peer): \(first.reason)")
      Swift.print("  (\(conditions.map(\.condition).joined(separator: "; ")))")
    }
  }

  /// A line with the condition, then one for each peer, in the order in which they were listed.
  private var rows: [Row] {
    let keys = measurements.series.map(\.key).filter { $0.scenario == scenario.name }
    var peersByCondition: [(condition: String, peers: [SeriesKey])] = []
    for key in keys {
      guard let index = peersByCondition.firstIndex(where: { $0.condition == key.condition }) else {
        peersByCondition.append((key.condition, [key]))
        continue
      }
      if !peersByCondition[index].peers.contains(where: { $0.peer == key.peer }) {
        peersByCondition[index].peers.append(key)
      }
    }
    return peersByCondition.flatMap { condition, peers in
      [Row(title: condition)]
        + peers.map { key in
          Row(
            title: "  \(key.peer)", quantities: scenario.metrics.map { quantity(key, $0) },
            ratio: ratio(key))
        }
    }
  }

  private func series(_ key: SeriesKey, _ metric: String, peer: String? = nil) -> Series? {
    var key = key
    key.metric = metric
    key.peer = peer ?? key.peer
    return measurements[key]
  }

  private func quantity(_ key: SeriesKey, _ metric: String) -> String {
    series(key, metric).map { format($0.median) } ?? "–"
  }

  private func ratio(_ key: SeriesKey) -> String {
    guard
      key.peer != scenario.reference, let metric = scenario.metrics.first,
      let ratio = Ratio(series(key, metric), to: series(key, metric, peer: scenario.reference))
    else { return "" }
    return formatSpread(ratio.median, ratio.lowest, ratio.highest)
  }
}

/// Three significant digits.
func format(_ value: Double) -> String {
  guard value.isFinite else { return "–" }
  return value.formatted(
    .number.precision(.significantDigits(abs(value) >= 1000 ? 4 : 3)).grouping(.never))
}

/// A median and, in brackets, the least and the greatest value, to two digits each.
func formatSpread(_ median: Double?, _ lowest: Double?, _ highest: Double?) -> String {
  guard let median, let lowest, let highest else { return "–" }
  func short(_ value: Double) -> String {
    value.formatted(.number.precision(.significantDigits(2)).grouping(.never))
  }
  return "\(format(median)) (\(short(lowest))–\(short(highest)))"
}

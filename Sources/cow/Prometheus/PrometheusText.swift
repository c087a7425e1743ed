/// Metrics in the text exposition format of Prometheus (version 0.0.4): for each metric its help, its
/// type, and a sample for each set of labels.
struct PrometheusText {
  /// One metric; all of `cow`'s are gauges in base units.
  struct Gauge {
    let name: String
    let help: String
    /// Samples without a value are left out: what was denied is not nothing.
    let samples: [(labels: [(name: String, value: String)], value: Double?)]
  }

  private(set) var text = ""

  /// Adds a metric; one that has no sample is left out whole.
  mutating func add(_ gauge: Gauge) {
    let samples = gauge.samples.compactMap { sample in sample.value.map { (sample.labels, $0) } }
    if samples.isEmpty { return }
    text += "# HELP \(gauge.name) \(Self.escaped(gauge.help, quotes: false))\n"
    text += "# TYPE \(gauge.name) gauge\n"
    for (labels, value) in samples {
      let inside = labels.map { "\($0.name)=\"\(Self.escaped($0.value, quotes: true))\"" }
      let set = labels.isEmpty ? "" : "{" + inside.joined(separator: ",") + "}"
      text += "\(gauge.name)\(set) \(Self.number(value))\n"
    }
  }

  private static func escaped(_ text: String, quotes: Bool) -> String {
    let text = text.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
    return quotes ? text.replacing("\"", with: "\\\"") : text
  }

  /// Whole numbers without a point, up to what a double holds exactly.
  private static func number(_ value: Double) -> String {
    value == value.rounded() && value.magnitude < 9e15 ? "\(Int64(value))" : "\(value)"
  }
}

/// A set of questions that every peer answers under the same conditions.
protocol Scenario: Sendable {
  /// The name for `--only`, the tables and the JSON.
  var name: String { get }
  /// What is measured, in a sentence.
  var summary: String { get }
  /// The quantities in the order of the table's columns.
  var metrics: [String] { get }
  /// The peer that the table's first quantity is compared with.
  var reference: String { get }

  func run(_ scale: Scale, into measurements: inout Measurements) throws
}

/// How much to measure: enough for figures, or just enough to see that everything works.
struct Scale: Sendable {
  var isQuick: Bool

  /// `full`, or `quick` in a smoke test.
  func of<Value>(_ full: Value, quick: Value) -> Value {
    isQuick ? quick : full
  }

  var rounds: Int { of(5, quick: 2) }
}

/// Sizes as the tables print them.
func describe(bytes: Int) -> String {
  bytes >= 1 << 30 && bytes.isMultiple(of: 1 << 30) ? "\(bytes >> 30) GiB" : "\(bytes >> 20) MiB"
}

internal import Foundation

/// A result beside what it is compared with.
struct Figure: Encodable {
  let name: String
  let unit: String
  let value: Double
  let reference: Double
  let referenceName: String
  let ratio: Double
  /// What the ratio should not exceed, if it is ours to keep.
  let limit: Double?

  init(
    name: String, unit: String, value: Double, reference: Double, referenceName: String,
    limit: Double?
  ) {
    self.name = name
    self.unit = unit
    self.value = value
    self.reference = reference
    self.referenceName = referenceName
    ratio = value / reference
    self.limit = limit
  }

  var text: String {
    let number = { (value: Double) in String(format: "%.2f", value) }
    let verdict = limit.map { " (limit \(number($0)): \(ratio <= $0 ? "kept" : "EXCEEDED"))" } ?? ""
    return "\(name): \(number(value)) \(unit), \(number(ratio)) x \(referenceName) "
      + "(\(number(reference)) \(unit))\(verdict)"
  }
}

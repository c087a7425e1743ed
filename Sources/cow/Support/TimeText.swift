/// A time in words, to three digits: "1.53 ms".
struct TimeText: CustomStringConvertible {
  private let nanoseconds: Double

  init(_ nanoseconds: UInt64) { self.nanoseconds = Double(nanoseconds) }

  var description: String {
    var value = nanoseconds
    for unit in ["ns", "µs", "ms"] {
      if value < 999.5 { return "\(number(value)) \(unit)" }
      value /= 1000
    }
    return "\(number(value)) s"
  }
}

/// A number to three digits: "1.53", "15.3", "153".
func number(_ value: Double) -> String {
  let scale: Double = value < 9.995 ? 100 : value < 99.95 ? 10 : 1
  let rounded = (value * scale).rounded() / scale
  return rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)"
}

extension Duration {
  /// The whole nanoseconds; 0 if it is negative.
  var nanoseconds: UInt64 {
    let (seconds, attoseconds) = components
    return UInt64(max(0, seconds * 1_000_000_000 + attoseconds / 1_000_000_000))
  }
}

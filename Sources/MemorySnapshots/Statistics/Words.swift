/// A number of bytes in words: "1.5 MiB".
struct ByteText: CustomStringConvertible {
  let bytes: Int

  init(_ bytes: Int) { self.bytes = bytes }

  var description: String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"]
    var value = Double(bytes)
    var unit = 0
    while value >= 1024, unit < units.count - 1 {
      value /= 1024
      unit += 1
    }
    return unit == 0 ? "\(bytes) B" : "\((value * 10).rounded() / 10) \(units[unit])"
  }
}

/// A time in words, to three digits: "1.53 ms".
package struct TimeText: CustomStringConvertible {
  private let nanoseconds: UInt64

  package init(_ time: Duration) { self.init(nanoseconds: time.wholeNanoseconds) }

  package init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

  package var description: String {
    var value = Double(nanoseconds)
    for unit in ["ns", "µs", "ms"] {
      if value < 999.5 { return "\(threeDigits(value)) \(unit)" }
      value /= 1000
    }
    return "\(threeDigits(value)) s"
  }
}

/// A number to three digits: "1.53", "15.3", "153".
package func threeDigits(_ value: Double) -> String {
  let scale: Double = value < 9.995 ? 100 : value < 99.95 ? 10 : 1
  let rounded = (value * scale).rounded() / scale
  return rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)"
}

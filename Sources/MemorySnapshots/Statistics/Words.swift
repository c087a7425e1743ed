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

/// A time in words: "1.5 ms".
struct TimeText: CustomStringConvertible {
  private let nanoseconds: UInt64

  init(_ time: Duration) { nanoseconds = time.wholeNanoseconds }

  var description: String {
    let units = ["ns", "µs", "ms", "s"]
    var value = Double(nanoseconds)
    var unit = 0
    while value >= 1000, unit < units.count - 1 {
      value /= 1000
      unit += 1
    }
    return unit == 0 ? "\(nanoseconds) ns" : "\((value * 10).rounded() / 10) \(units[unit])"
  }
}

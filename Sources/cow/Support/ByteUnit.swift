internal import ArgumentParser

/// The unit that amounts of memory are printed in.
enum ByteUnit: String, CaseIterable, ExpressibleByArgument {
  /// The decimal unit that leaves one to three digits before the point.
  case auto
  case B, kB, MB, GB, KiB, MiB, GiB

  private var bytes: Double {
    switch self {
    case .auto, .B: 1
    case .kB: 1e3
    case .MB: 1e6
    case .GB: 1e9
    case .KiB: 1024
    case .MiB: 1_048_576
    case .GiB: 1_073_741_824
    }
  }

  /// The amount with its unit, to one decimal: "12.1 MB".
  func text(_ amount: UInt64) -> String {
    guard self == .auto else { return number(Double(amount) / bytes) + " " + rawValue }
    // A thousand of a unit, also after rounding, is one of the next.
    for unit in [ByteUnit.B, .kB, .MB] where Double(amount) / unit.bytes < 999.95 {
      return unit.text(amount)
    }
    return ByteUnit.GB.text(amount)
  }

  private func number(_ value: Double) -> String {
    let tenths = UInt64((value * 10).rounded())
    return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
  }
}

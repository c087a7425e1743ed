internal import ArgumentParser

/// The unit that amounts of memory are printed in.
enum ByteUnit: String, CaseIterable, ExpressibleByArgument {
  /// The binary unit that leaves one to three digits, seldom four, before the point.
  case auto
  case B, KiB, MiB, GiB, TiB
  case kB, MB, GB, TB

  private var bytes: Double {
    switch self {
    case .auto, .B: 1
    case .KiB: 1024
    case .MiB: 1_048_576
    case .GiB: 1_073_741_824
    case .TiB: 1_099_511_627_776
    case .kB: 1e3
    case .MB: 1e6
    case .GB: 1e9
    case .TB: 1e12
    }
  }

  /// The amount with its unit: "12.1 MiB". One decimal, or as many as an amount below a tenth of the
  /// unit needs: what is there never reads as nothing.
  func text(_ amount: UInt64) -> String {
    guard self == .auto else { return number(Double(amount) / bytes) + " " + rawValue }
    // 1024 of a unit, also after rounding, are one of the next.
    for unit in [ByteUnit.B, .KiB, .MiB, .GiB] where Double(amount) / unit.bytes < 1023.95 {
      return unit.text(amount)
    }
    return ByteUnit.TiB.text(amount)
  }

  /// The amount for a narrow column: by size it is "12.1M", as htop has it.
  func short(_ amount: UInt64) -> String {
    guard self == .auto else { return text(amount) }
    let words = text(amount).split(separator: " ")
    return String(words[0]) + (words[1] == "B" ? "" : String(words[1].prefix(1)))
  }

  /// A difference for a narrow column.
  func short(difference: Int64) -> String {
    (difference > 0 ? "+" : difference < 0 ? "−" : "") + short(difference.magnitude)
  }

  /// A difference with its sign: "+12.1 MiB", "0 B".
  func text(difference: Int64) -> String {
    (difference > 0 ? "+" : difference < 0 ? "−" : "") + text(difference.magnitude)
  }

  private func number(_ value: Double) -> String {
    if value > 0, value < 0.095 {
      for (scale, digits) in [(100, 2), (1000, 3)] where value * Double(scale) >= 0.95 {
        let scaled = String(Int((value * Double(scale)).rounded()))
        return "0." + String(repeating: "0", count: digits - scaled.count) + scaled
      }
      return "<0.001"
    }
    let tenths = UInt64((value * 10).rounded())
    return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
  }
}

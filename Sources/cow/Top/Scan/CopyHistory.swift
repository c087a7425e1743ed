/// How fast amounts grow: what was seen of each in the last minute.
struct CopyHistory {
  /// The time that a rate is taken over, in seconds.
  static let window = 60.0

  private var seen: [String: [(time: Double, bytes: UInt64)]] = [:]

  /// Notes the amounts of one scan; those that are not among them have gone.
  mutating func note(_ amounts: [String: UInt64], at time: Double) {
    seen = seen.filter { amounts[$0.key] != nil }
    for (name, bytes) in amounts {
      var points = seen[name] ?? []
      points.append((time, bytes))
      // The last before the window stays: the rate is over a whole minute as soon as there is one.
      while points.count > 2, points[1].time <= time - Self.window { points.removeFirst() }
      seen[name] = points
    }
  }

  /// The growth in bytes a minute; `nil` until there have been two scans.
  func rate(of name: String) -> Double? {
    guard let points = seen[name], let first = points.first, let last = points.last,
      last.time > first.time
    else { return nil }
    return (Double(last.bytes) - Double(first.bytes)) / (last.time - first.time) * 60
  }
}

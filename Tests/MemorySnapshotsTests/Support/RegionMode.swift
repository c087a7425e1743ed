import MemorySnapshots
import Testing

/// A way in which a region can work. What the core promises, it promises in each.
struct RegionMode: Hashable, Codable, Sendable, CustomTestStringConvertible {
  var backing = MemoryRegion.Backing.sharedMemory
  var delivery = MemoryRegion.FaultDelivery.handlerThread
  var preservesAhead = true
  var preservesHotPages = true

  var options: MemoryRegion.Options {
    MemoryRegion.Options(
      backing: backing, faultDelivery: delivery, preservesAhead: preservesAhead,
      preservesHotPages: preservesHotPages)
  }

  /// Whether pages are preserved that nobody has written to: faults and copies cannot be foretold.
  var isGuessing: Bool { preservesAhead || preservesHotPages }

  /// Whether a system call may write into a protected page, or fails with EFAULT.
  var letsSystemCallsWrite: Bool {
    delivery == .handlerThread && UserfaultSupport().systemCallsMayWrite
  }

  var testDescription: String {
    let guesses = [preservesAhead ? "ahead" : nil, preservesHotPages ? "hot pages" : nil]
    return "\(backing), \(delivery), "
      + (isGuessing ? guesses.compactMap { $0 }.joined(separator: " and ") : "no guesses")
  }

  // MARK: - What to test

  /// The modes that tests run in: all in the long runs, else as few as hold each two settings
  /// together in some mode.
  static let tested = runsLongTests ? all : spread

  static let all = MemoryRegion.Backing.allCases.flatMap { backing in
    MemoryRegion.FaultDelivery.allCases.flatMap { delivery in
      [(true, true), (true, false), (false, true), (false, false)].map {
        RegionMode(
          backing: backing, delivery: delivery, preservesAhead: $0.0, preservesHotPages: $0.1)
      }
    }
  }

  private static let spread = [
    RegionMode(),
    RegionMode(delivery: .inline, preservesAhead: false, preservesHotPages: false),
    RegionMode(backing: .anonymous, preservesAhead: false, preservesHotPages: false),
    RegionMode(backing: .anonymous, delivery: .inline, preservesHotPages: false),
    RegionMode(backing: .anonymous, delivery: .inline, preservesAhead: false),
  ]

  /// For tests of the guesses themselves, and for those that count what guesses change: every
  /// backing and delivery, all guesses on or off.
  static func tested(guessing: Bool) -> [RegionMode] {
    all.filter { $0.preservesAhead == guessing && $0.preservesHotPages == guessing }
  }

  static func tested(_ backing: MemoryRegion.Backing) -> [RegionMode] {
    tested.filter { $0.backing == backing }
  }

  static func tested(_ delivery: MemoryRegion.FaultDelivery) -> [RegionMode] {
    tested.filter { $0.delivery == delivery }
  }
}

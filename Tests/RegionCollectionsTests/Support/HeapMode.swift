import Foundation
import MemorySnapshots
import Testing

/// What long runs do more.
enum LongRun {
  static let isMade = ProcessInfo.processInfo.environment["CI"] == "true"

  /// A random seed for each model, and in a long run a fixed one before.
  static func seeds(_ fixed: UInt64) -> [UInt64] {
    (isMade ? [fixed] : []) + [UInt64.random(in: 1 << 32 ... .max)]
  }
}

/// A way in which a heap's region can work: every backing with every delivery.
struct HeapMode: Hashable, Sendable, CustomTestStringConvertible {
  var backing: MemoryRegion.Backing
  var delivery: MemoryRegion.FaultDelivery

  var options: MemoryRegion.Options {
    MemoryRegion.Options(backing: backing, faultDelivery: delivery)
  }

  var testDescription: String { "\(backing), \(delivery)" }

  static let all = MemoryRegion.Backing.allCases.flatMap { backing in
    MemoryRegion.FaultDelivery.allCases.map { HeapMode(backing: backing, delivery: $0) }
  }
}

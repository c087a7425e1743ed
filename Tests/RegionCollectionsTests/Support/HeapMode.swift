import MemorySnapshots
import Testing

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

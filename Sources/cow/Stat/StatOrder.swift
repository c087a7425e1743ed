internal import ArgumentParser
internal import MemoryAccounting

/// What processes are sorted by.
enum StatOrder: String, CaseIterable, ExpressibleByArgument {
  case resident, cow, `private`, shared, swapped, unique, differing, fresh, pid, name

  /// Whether `left` comes before `right`: larger amounts first, unknown ones last; numbers and names
  /// ascending.
  func precedes(_ left: ProcessMemory, _ right: ProcessMemory) -> Bool {
    switch self {
    case .pid: return left.id < right.id
    case .name:
      return (left.process.name, left.id) < (right.process.name, right.id)
    default:
      let first = amount(left)
      let second = amount(right)
      return first == second ? left.id < right.id : first > second
    }
  }

  private func amount(_ process: ProcessMemory) -> Int64 {
    let figure: MemoryFigure? =
      switch self {
      case .cow: process.memory.copyOnWrite
      case .private: process.memory.private
      case .shared: process.memory.shared
      case .swapped: process.memory.swapped
      case .unique: process.memory.unique
      case .differing: process.differing
      case .fresh: process.fresh
      case .resident, .pid, .name: process.memory.resident
      }
    return figure?.bytes.map { Int64(clamping: $0) } ?? -1
  }
}

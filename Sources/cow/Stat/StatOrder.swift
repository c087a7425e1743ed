internal import ArgumentParser
internal import MemoryAccounting

/// What processes are sorted by.
enum StatOrder: String, CaseIterable, ExpressibleByArgument {
  case resident, tree, uss, pss, cow, `private`, shared, swapped, differs, fresh, pid, name

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
      case .tree: process.subtree?.distinct
      case .uss: process.memory.unique
      case .pss: process.proportional?.resident
      case .differs: process.differing
      case .fresh: process.fresh
      case .resident, .pid, .name: process.memory.resident
      }
    return figure?.bytes.map { Int64(clamping: $0) } ?? -1
  }
}

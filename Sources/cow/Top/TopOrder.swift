internal import ArgumentParser
internal import MemoryAccounting

/// What `cow top` sorts by, largest first.
enum TopOrder: String, CaseIterable, ExpressibleByArgument {
  case resident, cow, `private`, copied

  /// The order that a key asks for.
  init?(key: UInt8) {
    switch key {
    case UInt8(ascii: "r"): self = .resident
    case UInt8(ascii: "c"): self = .cow
    case UInt8(ascii: "p"): self = .private
    case UInt8(ascii: "d"): self = .copied
    default: return nil
    }
  }

  func precedes(_ left: TopModel.Row, _ right: TopModel.Row) -> Bool {
    let first = amount(left)
    let second = amount(right)
    return first == second ? left.entry.pid < right.entry.pid : first > second
  }

  private func amount(_ row: TopModel.Row) -> Int64 {
    let bytes: UInt64? =
      switch self {
      case .resident: row.resident.bytes
      case .cow: row.scanned?.memory.copyOnWrite.bytes
      case .private: row.scanned?.memory.private.bytes
      case .copied: row.copied
      }
    return bytes.map { Int64(clamping: $0) } ?? -1
  }
}

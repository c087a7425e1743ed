internal import MemoryAccounting

/// The mappings of a process by their addresses and sizes.
struct MapNames {
  private let mappings: [MappingMemory]

  /// `mappings` are in the order of their addresses.
  init(_ mappings: [MappingMemory]) { self.mappings = mappings }

  /// The number of the mapping at an address or, where there is none, of the next one; `nil` behind
  /// the last.
  func index(at address: UInt64) -> Int? {
    var range = 0..<mappings.count
    while !range.isEmpty {
      let middle = range.lowerBound + range.count / 2
      if mappings[middle].addresses.upperBound <= address {
        range = middle + 1..<range.upperBound
      } else {
        range = range.lowerBound..<middle
      }
    }
    return range.lowerBound < mappings.count ? range.lowerBound : nil
  }

  /// What the mapping at an address, or after it, is called.
  func name(at address: UInt64) -> String {
    index(at: address).map { MappingName.short(mappings[$0].name) } ?? ""
  }

  /// The mappings that hold most memory, first the largest.
  func largest(_ count: Int) -> [MappingMemory] {
    let size = { (mapping: MappingMemory) in
      (mapping.memory.resident.bytes ?? 0) + (mapping.memory.swapped.bytes ?? 0)
    }
    let sorted = mappings.filter { size($0) > 0 }.sorted { left, right in
      (size(right), left.addresses.lowerBound) < (size(left), right.addresses.lowerBound)
    }
    return Array(sorted.prefix(count))
  }
}

/// The figures of `cow stat` for a process, as the map shows them.
struct MapSummary {
  let figures: [(title: String, figure: MemoryFigure)]

  init(_ memory: MemoryBreakdown) {
    figures = [
      ("RES", memory.resident), ("COW", memory.copyOnWriteColumn), ("PRIVATE", memory.private),
      ("SHARED", memory.sharedColumn),
    ]
  }

  /// "RES 12 MiB, COW …".
  func text(_ units: ByteUnit) -> String {
    figures.map { title, figure in
      "\(title) \(figure.bytes.map { figure.exactness.mark + units.text($0) } ?? "denied")"
    }.joined(separator: ", ")
  }
}

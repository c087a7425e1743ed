internal import Foundation
internal import MemoryAccounting

/// The figures of `cow stat` for other programs, under fixed names.
struct StatDocument {
  private let tree: ProcessTree

  init(_ tree: ProcessTree) { self.tree = tree }

  /// JSON. Figures are numbers of bytes; those that are denied, and those that a process has not (what
  /// parted from a parent that was not read), are null. `estimates` names those that are not exact, `bounds`
  /// those that are exact or less.
  func json() throws(ToolError) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    do {
      return String(decoding: try encoder.encode(Root(tree)), as: UTF8.self) + "\n"
    } catch {
      throw ToolError(.software, "cannot encode the figures: \(error)")
    }
  }

  /// Comma-separated values (RFC 4180): one line for each process, or for each mapping.
  func csv(includingMappings: Bool) -> String {
    let processNames = FigureSet(process: .none).names
    var lines: [String] = []
    if includingMappings {
      lines.append(
        (["pid", "start", "end", "permissions", "mapping"] + FigureSet(.denied).names)
          .joined(separator: ","))
    } else {
      lines.append(
        (["pid", "parent", "name", "condition", "exactness"] + processNames).joined(separator: ","))
    }
    for process in tree.processes {
      guard includingMappings else {
        let figures = FigureSet(process: process)
        let head = [
          "\(process.id)", "\(process.process.parent)", quoted(process.process.name),
          process.condition.rawValue, figures.exactness.rawValue,
        ]
        lines.append((head + figures.values).joined(separator: ","))
        continue
      }
      for mapping in process.mappings {
        let head = [
          "\(process.id)", "0x" + String(mapping.addresses.lowerBound, radix: 16),
          "0x" + String(mapping.addresses.upperBound, radix: 16), mapping.permissions,
          quoted(mapping.name),
        ]
        lines.append((head + FigureSet(mapping.memory).values).joined(separator: ","))
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private func quoted(_ text: String) -> String {
    guard text.contains(where: { ",\"\n\r".contains($0) }) else { return text }
    return "\"" + text.replacing("\"", with: "\"\"") + "\""
  }
}

/// Named figures in a fixed order.
struct FigureSet: Encodable {
  private let figures: [(name: String, figure: MemoryFigure?)]

  init(_ memory: MemoryBreakdown) {
    figures = [
      ("residentBytes", memory.resident), ("uniqueBytes", memory.unique),
      ("copyOnWriteBytes", memory.copyOnWrite), ("privateBytes", memory.private),
      ("sharedBytes", memory.shared), ("sharedReadOnlyBytes", memory.sharedReadOnly),
      ("hugetlbBytes", memory.hugetlb), ("swappedBytes", memory.swapped),
      ("swappedSharedBytes", memory.swappedShared),
      ("userfaultProtectedBytes", memory.userfaultProtected),
      ("sharedAnonymousBytes", memory.sharedAnonymous),
      ("unwrittenFileBytes", memory.unwrittenFile), ("zeroBytes", memory.zero),
      ("mergedBytes", memory.merged),
    ]
  }

  init(process: ProcessMemory?) {
    figures =
      FigureSet(process?.memory ?? .denied).figures + [
        ("differingBytes", process?.differing), ("freshBytes", process?.fresh),
        ("proportionalBytes", process?.proportional?.resident),
        ("swapProportionalBytes", process?.proportional?.swapped),
        ("freedBytes", process?.freed.certain), ("freedAtMostBytes", process?.freed.atMost),
        ("treeBytes", process?.subtree?.distinct), ("treeSwapBytes", process?.subtree?.swap),
        ("treeFreedBytes", process?.subtree?.freed.certain),
        ("treeFreedAtMostBytes", process?.subtree?.freed.atMost),
        ("writtenBytes", process?.writers?.process),
        ("writtenByParentBytes", process?.writers?.parent),
        ("writtenByUnknownBytes", process?.writers?.unknown),
      ]
  }

  init(_ total: TreeTotal) {
    figures = [
      ("distinctBytes", total.distinct), ("privateBytes", total.private),
      ("sharedAnonymousBytes", total.sharedAnonymous), ("fileBytes", total.files),
      ("copyOnWriteBytes", total.copyOnWrite), ("swapBytes", total.swap),
      ("naiveBytes", total.naive), ("differingBytes", total.differing),
      ("couldStillCopyBytes", total.couldStillCopy),
    ]
  }

  init(_ group: ProcessGroup) {
    figures = [
      ("distinctBytes", group.total?.distinct), ("swapBytes", group.total?.swap),
      ("freedBytes", group.total?.freed.certain), ("freedAtMostBytes", group.total?.freed.atMost),
    ]
  }

  /// The sums over the processes of a group.
  init(sumsOf group: ProcessGroup) {
    figures =
      FigureSet(group.memory).figures + [
        ("proportionalBytes", group.proportional?.resident),
        ("swapProportionalBytes", group.proportional?.swapped),
      ]
  }

  var names: [String] { figures.map(\.name) }

  /// The amounts as text, empty where there is none.
  var values: [String] { figures.map { $0.figure?.bytes.map(String.init) ?? "" } }

  /// How well the worst of the figures is known.
  var exactness: Exactness { figures.compactMap(\.figure?.exactness).max() ?? .exact }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    for (name, figure) in figures {
      if let bytes = figure?.bytes {
        try container.encode(bytes, forKey: Key(name))
      } else {
        try container.encodeNil(forKey: Key(name))
      }
    }
    try container.encode(exactness, forKey: Key("exactness"))
    let named = { (exactness: Exactness) in
      figures.filter { $0.figure?.exactness == exactness }.map(\.name)
    }
    try container.encode(named(.estimate), forKey: Key("estimates"))
    try container.encode(named(.bound), forKey: Key("bounds"))
  }

  private struct Key: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(_ name: String) { stringValue = name }
    init?(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }
}

private struct Root: Encodable {
  let exactness: Exactness
  let processes: [Process]
  let groups: [Group]?
  let total: Total

  init(_ tree: ProcessTree) {
    exactness = tree.total.exactness
    processes = tree.processes.map(Process.init)
    groups = tree.groups.isEmpty ? nil : tree.groups.map(Group.init)
    total = Total(tree.total)
  }

  /// The totals, of different pages; and the sums over the processes under a name of their own.
  struct Total: Encodable {
    let total: TreeTotal

    init(_ total: TreeTotal) { self.total = total }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: Key.self)
      try container.encode(FigureSet(total.memory), forKey: .sums)
      try FigureSet(total).encode(to: encoder)
    }

    enum Key: CodingKey { case sums }
  }

  struct Process: Encodable {
    let process: ProcessMemory

    init(_ process: ProcessMemory) { self.process = process }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: Key.self)
      try container.encode(process.id, forKey: .pid)
      try container.encode(process.process.parent, forKey: .parent)
      try container.encode(process.process.name, forKey: .name)
      try container.encode(process.process.user, forKey: .user)
      try container.encode(process.condition, forKey: .condition)
      try container.encode(process.sharesMemoryWith, forKey: .sharesMemoryWith)
      if !process.mappings.isEmpty {
        try container.encode(process.mappings.map(Mapping.init), forKey: .mappings)
      }
      try FigureSet(process: process).encode(to: encoder)
    }

    enum Key: CodingKey {
      case pid, parent, name, user, condition, sharesMemoryWith, mappings
    }
  }

  struct Group: Encodable {
    let group: ProcessGroup

    init(_ group: ProcessGroup) { self.group = group }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: Key.self)
      try container.encode(group.name, forKey: .name)
      try container.encode(group.pids, forKey: .pids)
      try container.encode(FigureSet(sumsOf: group), forKey: .sums)
      try FigureSet(group).encode(to: encoder)
    }

    enum Key: CodingKey { case name, pids, sums }
  }

  struct Mapping: Encodable {
    let mapping: MappingMemory

    init(_ mapping: MappingMemory) { self.mapping = mapping }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: Key.self)
      try container.encode(mapping.addresses.lowerBound, forKey: .start)
      try container.encode(mapping.addresses.upperBound, forKey: .end)
      try container.encode(mapping.permissions, forKey: .permissions)
      try container.encode(mapping.name, forKey: .name)
      try FigureSet(mapping.memory).encode(to: encoder)
    }

    enum Key: CodingKey {
      case start, end, permissions, name
    }
  }
}

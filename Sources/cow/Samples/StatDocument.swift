internal import Foundation
internal import MemoryAccounting

/// The figures of `cow stat` for other programs, under fixed names.
struct StatDocument {
  /// The version of the JSON; a change that old readers would misunderstand makes it the next.
  static let version = 1

  private let tree: ProcessTree
  private let moment: SampleMoment

  init(_ tree: ProcessTree, at moment: SampleMoment = .now()) {
    self.tree = tree
    self.moment = moment
  }

  /// JSON. Figures are numbers of bytes; those that are denied, and those that a process has not (what
  /// parted from a parent that was not read), are null. `estimates` names those that are not exact, `bounds`
  /// those that are exact or less.
  func json() throws(ToolError) -> String { try json([.prettyPrinted]) }

  /// The same on one line, for which mappings are cut short: those that hold no memory are left out, and
  /// of the others the amounts that are 0.
  func jsonLine() throws(ToolError) -> String { try json([], isShort: true) }

  private func json(
    _ formatting: JSONEncoder.OutputFormatting, isShort: Bool = false
  ) throws(ToolError) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = formatting.union([.sortedKeys, .withoutEscapingSlashes])
    do {
      let root = Root(tree, moment, isShort: isShort)
      return String(decoding: try encoder.encode(root), as: UTF8.self) + "\n"
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
        (["pid", "start", "end", "permissions", "mapping"] + FigureSet(mapping: nil).names)
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
        lines.append((head + FigureSet(mapping: mapping).values).joined(separator: ","))
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private func quoted(_ text: String) -> String {
    guard text.contains(where: { ",\"\n\r".contains($0) }) else { return text }
    return "\"" + text.replacing("\"", with: "\"\"") + "\""
  }
}

private struct Root: Encodable {
  let version = StatDocument.version
  let time: String
  let uptimeSeconds: Double
  let bootID: String?
  let exactness: Exactness
  let processes: [Process]
  let groups: [Group]?
  let total: Total

  init(_ tree: ProcessTree, _ moment: SampleMoment, isShort: Bool) {
    time = moment.time
    uptimeSeconds = moment.uptimeSeconds
    bootID = moment.bootID
    exactness = tree.total.exactness
    processes = tree.processes.map { Process(process: $0, isShort: isShort) }
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
    let isShort: Bool

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: Key.self)
      try container.encode(process.id, forKey: .pid)
      try container.encode(process.process.parent, forKey: .parent)
      try container.encode(process.process.name, forKey: .name)
      try container.encode(process.process.startTicks, forKey: .startTicks)
      try container.encode(process.process.user, forKey: .user)
      try container.encode(process.condition, forKey: .condition)
      try container.encode(process.sharesMemoryWith, forKey: .sharesMemoryWith)
      if !process.mappings.isEmpty {
        let mappings = process.mappings.filter { mapping in
          !isShort || mapping.memory.resident.bytes != 0 || mapping.memory.swapped.bytes != 0
        }.map { Mapping(mapping: $0, isShort: isShort) }
        try container.encode(mappings, forKey: .mappings)
      }
      try FigureSet(process: process).encode(to: encoder)
    }

    enum Key: CodingKey {
      case pid, parent, name, startTicks, user, condition, sharesMemoryWith, mappings
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
    let isShort: Bool

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: Key.self)
      try container.encode(mapping.addresses.lowerBound, forKey: .start)
      try container.encode(mapping.addresses.upperBound, forKey: .end)
      try container.encode(mapping.permissions, forKey: .permissions)
      try container.encode(mapping.name, forKey: .name)
      let figures = FigureSet(mapping: mapping)
      if isShort { try figures.encodeShort(to: encoder) } else { try figures.encode(to: encoder) }
    }

    enum Key: CodingKey {
      case start, end, permissions, name
    }
  }
}

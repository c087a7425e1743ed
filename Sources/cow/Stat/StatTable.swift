internal import MemoryAccounting

/// The table of `cow stat`: as wide as the terminal, 100 columns where there is none, and wider where
/// that is too narrow for names; the tree of processes, or its mappings, at its right.
struct StatTable {
  private let tree: ProcessTree
  private let forest: ProcessForest
  private let units: ByteUnit
  private let style: Style
  private let columns: [Column]

  private struct Column {
    let title: String
    /// The figure of a process or of a mapping; `nil` if only processes have it.
    var memory: KeyPath<MemoryBreakdown, MemoryFigure>?
    /// The figure of a process that not every process has.
    var process: KeyPath<ProcessMemory, MemoryFigure?>?
    /// The same of a mapping.
    var mapping: KeyPath<MappingMemory, MemoryFigure?>?
    var style: (Style) -> (String) -> String = { _ in { $0 } }

    func figure(of process: ProcessMemory) -> MemoryFigure? {
      memory.map { process.memory[keyPath: $0] } ?? self.process.flatMap { process[keyPath: $0] }
    }

    func figure(of mapping: MappingMemory) -> MemoryFigure? {
      memory.map { mapping.memory[keyPath: $0] } ?? self.mapping.flatMap { mapping[keyPath: $0] }
    }
  }

  private let width: Int
  private let includesMappings: Bool

  init(
    _ tree: ProcessTree, order: StatOrder?, units: ByteUnit, style: Style, width: Int = 100,
    includingMappings includesMappings: Bool = false
  ) {
    self.tree = tree
    self.width = width
    self.includesMappings = includesMappings
    self.units = units
    self.style = style
    forest = ProcessForest(tree.processes, order: order)
    var columns = [
      Column(title: "RES", memory: \.resident),
      Column(title: "USS", memory: \.unique),
      Column(title: "COW", memory: \.copyOnWriteColumn, style: Style.yellow),
      Column(title: "PRIVATE", memory: \.private, style: Style.green),
      Column(title: "SHARED", memory: \.sharedColumn),
    ]
    // Columns that would be empty make room for names.
    if tree.processes.contains(where: { $0.proportional != nil }) {
      columns.insert(Column(title: "PSS", process: \.proportional?.resident), at: 2)
    }
    // What only processes have leaves its room to the names of mappings.
    if !includesMappings, forest.rows.contains(where: \.hasChildren) {
      columns.insert(Column(title: "TREE", process: \.subtree?.distinct), at: 1)
    }
    let total = tree.total.memory
    // A few zero pages are everywhere.
    if total.zero.bytes ?? 0 > 1 << 16 { columns.append(Column(title: "ZERO", memory: \.zero)) }
    if total.hugetlb.bytes != 0 { columns.append(Column(title: "HUGETLB", memory: \.hugetlb)) }
    if total.userfaultProtected.bytes != 0 {
      columns.append(
        Column(title: "UFFD-WP", memory: \.userfaultProtected, style: Style.yellow))
    }
    if total.swapped.bytes != 0 { columns.append(Column(title: "SWAP", memory: \.swapped)) }
    if tree.processes.contains(where: { $0.differing != nil }) {
      columns.append(Column(title: "DIFFERS", process: \.differing, mapping: \.differing))
      if !includesMappings { columns.append(Column(title: "FRESH", process: \.fresh)) }
    }
    if tree.processes.contains(where: { $0.writers != nil }) {
      columns.append(
        Column(title: "COPIED", process: \.writers?.process, mapping: \.writers?.process))
      columns.append(
        Column(title: "PARENT", process: \.writers?.parent, mapping: \.writers?.parent))
    }
    if tree.processes.contains(where: { $0.proportional?.swapped.bytes ?? 0 > 0 }) {
      columns.append(Column(title: "SWAPPSS", process: \.proportional?.swapped))
    }
    self.columns = columns
  }

  /// The whole table, with the sentence that sums it up.
  func text() -> String {
    let cells = forest.rows.map { row in
      columns.map { cell($0.figure(of: row.process), row.process) }
    }
    let mappings =
      includesMappings ? forest.rows.map { $0.process.mappings.map(mappingCells) } : []
    let all = cells + mappings.joined()
    let widths = columns.enumerated().map { index, column in
      all.reduce(column.title.count) { max($0, $1[index].count) }
    }
    let pidWidth = forest.rows.reduce(3) { max($0, String($1.process.id).count) }
    let used = pidWidth + widths.reduce(0) { $0 + $1 + 2 } + 2
    let room = max(width - used, includesMappings ? 40 : 16)

    var lines: [String] = []
    let titles = zip(columns, widths).map { "  " + padded($0.title, $1) }.joined()
    lines.append(style.bold(padded("PID", pidWidth) + titles + "  PROCESS"))
    for (index, row) in forest.rows.enumerated() {
      lines.append(
        padded(String(row.process.id), pidWidth) + numbers(cells[index], widths)
          + "  " + style.dim(fitted(row.branches, room))
          + fitted(name(of: row.process), max(room - row.branches.count, 10)))
      guard includesMappings else { continue }
      for (mapping, cells) in zip(row.process.mappings, mappings[index]) {
        lines.append(
          padded("", pidWidth) + numbers(cells, widths) + "  " + describe(mapping, room))
      }
    }
    lines.append("")
    lines.append(contentsOf: TreeSentence(tree, units: units).lines)
    return lines.joined(separator: "\n") + "\n"
  }

  private func numbers(_ cells: [String], _ widths: [Int]) -> String {
    zip(cells, zip(columns, widths)).map { cell, column in
      column.0.style(style)("  " + padded(cell, column.1))
    }.joined()
  }

  private func cell(_ figure: MemoryFigure?, _ process: ProcessMemory) -> String {
    if process.condition == .gone { return "gone" }
    guard let figure else { return "-" }
    return text(figure)
  }

  private func text(_ figure: MemoryFigure) -> String {
    guard let bytes = figure.bytes else { return "denied" }
    return figure.exactness.mark + units.text(bytes)
  }

  private func mappingCells(_ mapping: MappingMemory) -> [String] {
    columns.map { column in
      column.figure(of: mapping).map(text) ?? ""
    }
  }

  private func name(of process: ProcessMemory) -> String {
    let name = process.process.name.printable
    switch process.condition {
    case .kernelThread: return "[\(name)]"
    case .zombie: return "\(name) (zombie)"
    case .read, .denied, .gone: break
    }
    return process.sharesMemoryWith.map { "\(name) (memory of \($0))" } ?? name
  }

  private func describe(_ mapping: MappingMemory, _ room: Int) -> String {
    let start = String(mapping.addresses.lowerBound, radix: 16)
    let file = mapping.name.split(separator: "/").last.map(String.init) ?? ""
    let name = mapping.name.hasPrefix("/") ? file : mapping.name
    let shown = name.isEmpty ? "anonymous" : name.printable
    return fitted("\(start) \(mapping.permissions) \(shown)", room)
  }

  private func padded(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(width - text.count, 0)) + text
  }

  private func fitted(_ text: String, _ width: Int) -> String {
    text.count <= width ? text : String(text.prefix(max(width - 1, 0))) + "…"
  }
}

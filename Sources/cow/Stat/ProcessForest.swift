internal import MemoryAccounting

/// Processes in the order in which a tree is drawn, each with the branches in front of its name.
struct ProcessForest {
  struct Row {
    let process: ProcessMemory
    let branches: String
    let hasChildren: Bool
  }

  let rows: [Row]

  /// Arranges `processes`; children of one parent are sorted by `order`, or left as they come.
  init(_ processes: [ProcessMemory], order: StatOrder?) {
    let listed = Set(processes.map(\.id))
    var children: [Int32: [ProcessMemory]] = [:]
    var roots: [ProcessMemory] = []
    for process in processes {
      if listed.contains(process.process.parent), process.process.parent != process.id {
        children[process.process.parent, default: []].append(process)
      } else {
        roots.append(process)
      }
    }
    let sorted = { (list: [ProcessMemory]) in order.map { list.sorted(by: $0.precedes) } ?? list }
    var rows: [Row] = []
    // What is still to be drawn, the next last: a process, its own branch and that of its children.
    var pending = sorted(roots).reversed().map { ($0, "", "") }
    while let (process, branch, indent) = pending.popLast() {
      let below = sorted(children[process.id] ?? [])
      rows.append(Row(process: process, branches: branch, hasChildren: !below.isEmpty))
      for (index, child) in below.enumerated().reversed() {
        let isLast = index == below.count - 1
        pending.append(
          (child, indent + (isLast ? "└─ " : "├─ "), indent + (isLast ? "   " : "│  ")))
      }
    }
    self.rows = rows
  }
}

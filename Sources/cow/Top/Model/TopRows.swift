internal import MemoryAccounting

/// The rows of `cow top` in the order in which they are shown.
struct TopRows {
  let rows: [TopRow]

  init(_ model: TopModel, _ state: TopState) {
    let comes = { (left: TopRow, right: TopRow) in Self.precedes(left, right, state) }
    switch state.layout {
    case .groups:
      rows = model.groups.map(TopRow.init).filter { state.matches($0) }.sorted(by: comes)
    case .flat:
      rows = model.processes.map(TopRow.init).filter { state.matches($0) }.sorted(by: comes)
    case .tree:
      rows = Self.tree(model.processes, state, comes)
    }
  }

  private static func precedes(_ left: TopRow, _ right: TopRow, _ state: TopState) -> Bool {
    let isAscending = state.sort.isAmount == state.isReversed
    let order: (less: Bool, more: Bool)
    switch state.sort {
    case .pid: order = (number(left) < number(right), number(left) > number(right))
    case .command: order = (left.command < right.command, left.command > right.command)
    default:
      let (first, second) = (left.value(state.sort), right.value(state.sort))
      order = (first < second, first > second)
    }
    if order.less || order.more { return isAscending ? order.less : order.more }
    return (number(left), left.command) < (number(right), right.command)
  }

  private static func number(_ row: TopRow) -> Int { Int(row.pid) ?? 0 }

  /// Processes below their parents. With a filter, those that match and the ancestors of each.
  private static func tree(
    _ processes: [TopModel.Process], _ state: TopState, _ comes: (TopRow, TopRow) -> Bool
  ) -> [TopRow] {
    var parents: [Int32: Int32] = [:]
    for process in processes { parents[process.entry.pid] = process.entry.parent }
    var children: [Int32: [TopRow]] = [:]
    var roots: [TopRow] = []
    var shown: Set<Int32> = []
    var all: [(pid: Int32, row: TopRow)] = []
    for process in processes {
      let row = TopRow(process)
      all.append((process.entry.pid, row))
      guard state.matches(row) else { continue }
      var ancestor: Int32? = process.entry.pid
      while let pid = ancestor, shown.insert(pid).inserted {
        ancestor = parents[pid].flatMap { parents[$0] == nil ? nil : $0 }
      }
    }
    for (pid, row) in all where shown.contains(pid) {
      if let parent = parents[pid], parent != pid, parents[parent] != nil {
        children[parent, default: []].append(row)
      } else {
        roots.append(row)
      }
    }
    var rows: [TopRow] = []
    // What is still to be drawn, the next last: a row and the indentation of its children.
    var pending = roots.sorted(by: comes).reversed().map { ($0, "") }
    while let (next, indent) = pending.popLast() {
      var row = next
      guard case .process(let pid) = row.identity else { continue }
      let below = (children.removeValue(forKey: pid) ?? []).sorted(by: comes)
      row.hasChildren = !below.isEmpty
      // What a filter finds is shown.
      row.isCollapsed = row.hasChildren && state.filter.isEmpty && state.collapsed.contains(pid)
      rows.append(row)
      if row.isCollapsed { continue }
      for (index, child) in below.enumerated().reversed() {
        let isLast = index == below.count - 1
        var child = child
        child.branches = indent + (isLast ? "└ " : "├ ")
        pending.append((child, indent + (isLast ? "  " : "│ ")))
      }
    }
    return rows
  }
}

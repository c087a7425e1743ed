internal import MemoryAccounting

/// The figures of groups of processes as metrics. There are as many series as groups, whose number is
/// bounded; no pid is among the labels.
struct GroupMetrics {
  private struct Series {
    let name: String
    let used: MemoryFigure?
    let swap: MemoryFigure?
    /// `nil` for groups that were put together.
    let freed: MemoryFigure?
    let memory: MemoryBreakdown
    let proportional: MemoryFigure?
    let processes: [ProcessMemory]
  }

  private let key: GroupKey
  private var groups: [Series]

  /// Takes the groups of a measurement. If they are more than `limit`, the smallest are measured once
  /// more, together, as the group "(other)".
  init(_ tree: ProcessTree, by key: GroupKey, limit: Int) throws(ToolError) {
    self.key = key
    let byPid = Dictionary(
      tree.processes.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    groups = tree.groups.map { group in
      Series(
        name: key.title(of: group.name), used: group.total?.distinct, swap: group.total?.swap,
        freed: group.total?.freed.certain, memory: group.memory,
        proportional: group.proportional?.resident,
        processes: group.pids.compactMap { byPid[$0] })
    }
    let size = { (group: Series) in group.used?.bytes ?? 0 }
    groups.sort { (size($1), $0.name) < (size($0), $1.name) }
    guard groups.count > limit else { return }
    let rest = groups[(limit - 1)...]
    let entries = rest.flatMap(\.processes).map(\.process)
    let together = try accounting { () throws(AccountingError) in
      try ProcessTree(entries: entries)
    }
    let shares = rest.compactMap(\.proportional)
    groups.removeLast(rest.count)
    groups.append(
      Series(
        name: Self.other, used: together.total.distinct, swap: together.total.swap, freed: nil,
        memory: together.total.memory,
        proportional: shares.isEmpty ? nil : shares.reduce(MemoryFigure(bytes: 0), +),
        processes: together.processes))
  }

  private static let other = "(other)"

  /// `seconds` is how long it took to measure it all.
  func text(seconds: Double) -> String {
    var text = PrometheusText()
    let add = { (name: String, help: String, figure: (Series) -> MemoryFigure?) in
      text.add(gauge(name, help) { figure($0)?.bytes.map { Double($0) } })
    }
    add("cow_memory_used_bytes", "Memory really used: different pages, each counted once.") {
      $0.used
    }
    add("cow_swap_used_bytes", "Swap space really used: different pages, each counted once.") {
      $0.swap
    }
    add("cow_memory_freed_if_killed_bytes", "Memory that would be free, at least.") { $0.freed }
    add("cow_memory_resident_bytes", "Sum of the resident sizes (RES), as top shows them.") {
      $0.memory.resident
    }
    add("cow_memory_unique_bytes", "Sum of the unique sizes (USS).") { $0.memory.unique }
    add("cow_memory_proportional_bytes", "Sum of the proportional sizes (PSS).") {
      $0.proportional
    }
    add("cow_memory_private_bytes", "Anonymous pages of one process alone.") {
      $0.memory.private
    }
    add("cow_memory_copy_on_write_bytes", "Sum of what a write would copy in each process.") {
      $0.memory.copyOnWrite
    }
    text.add(
      gauge("cow_memory_exact", "1 if the memory used is exact, 0 if it is an estimate.") {
        $0.used.map { $0.exactness == .exact ? 1 : 0 }
      })
    text.add(gauge("cow_processes", "Processes that were read.") { Self.count($0, .read) })
    text.add(
      gauge("cow_processes_denied", "Processes that may not be read: not counted elsewhere.") {
        Self.count($0, .denied)
      })
    text.add(
      PrometheusText.Gauge(
        name: "cow_measurement_duration_seconds", help: "How long it took to measure all of it.",
        samples: [([], seconds)]))
    return text.text
  }

  private func gauge(
    _ name: String, _ help: String, _ value: (Series) -> Double?
  ) -> PrometheusText.Gauge {
    PrometheusText.Gauge(
      name: name, help: help, samples: groups.map { ([(key.rawValue, $0.name)], value($0)) })
  }

  private static func count(_ group: Series, _ condition: ProcessCondition) -> Double {
    Double(group.processes.count { $0.condition == condition })
  }
}

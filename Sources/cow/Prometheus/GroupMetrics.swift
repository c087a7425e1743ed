internal import MemoryAccounting

/// The figures of groups of processes as metrics. There are as many series as groups, whose number
/// the caller bounds; no pid is among the labels.
struct GroupMetrics {
  private let groups: ProcessGroups
  private let seconds: Double

  /// `seconds` is how long it took to measure them.
  init(_ groups: ProcessGroups, seconds: Double) {
    self.groups = groups
    self.seconds = seconds
  }

  private static let figures:
    [(name: String, help: String, figure: @Sendable (TreeTotal) -> MemoryFigure)] =
      [
        (
          "cow_memory_used_bytes", "Memory really used: different pages, each counted once.",
          { $0.distinct }
        ),
        (
          "cow_memory_resident_bytes",
          "Sum of the resident sizes of the processes, as top shows them.", { $0.naive }
        ),
        (
          "cow_memory_private_bytes", "Pages of one process alone.", { $0.memory.private }
        ),
        (
          "cow_memory_copy_on_write_bytes", "Pages that a write would copy.", { $0.copyOnWrite }
        ),
        ("cow_memory_copied_bytes", "Copies made since the forks.", { $0.copiesMade }),
        (
          "cow_memory_worst_case_bytes",
          "Memory needed on top, at most, if every process wrote to everything.",
          { $0.couldStillCopy }
        ),
        ("cow_memory_swap_bytes", "Pages in swap space.", { $0.memory.swapped }),
      ]

  var text: String {
    var text = PrometheusText()
    for (name, help, figure) in Self.figures {
      text.add(gauge(name, help) { figure($0.tree.total).bytes.map(Double.init) })
    }
    text.add(
      gauge("cow_memory_exact", "1 if all figures are exact, 0 if some are estimates.") { group in
        group.tree.total.exactness == .exact ? 1 : 0
      })
    text.add(gauge("cow_processes", "Processes that were read.") { Self.count($0, .read) })
    text.add(
      gauge("cow_processes_denied", "Processes that may not be read, left out.") {
        Self.count($0, .denied)
      })
    text.add(
      PrometheusText.Gauge(
        name: "cow_measurement_duration_seconds", help: "How long it took to measure all of it.",
        samples: [([], seconds)]))
    return text.text
  }

  private func gauge(
    _ name: String, _ help: String, _ value: (ProcessGroups.Group) -> Double?
  ) -> PrometheusText.Gauge {
    PrometheusText.Gauge(
      name: name, help: help,
      samples: groups.groups.map { ([(groups.key.rawValue, $0.name)], value($0)) })
  }

  private static func count(
    _ group: ProcessGroups.Group, _ condition: ProcessCondition
  ) -> Double {
    Double(group.tree.processes.count { $0.condition == condition })
  }
}

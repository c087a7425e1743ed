internal import MemoryAccounting

/// Why nothing at all can be said about the processes that were asked for.
struct StatObstacle {
  let error: ToolError

  /// `nil` if at least one process was read.
  init?(_ tree: ProcessTree) {
    let processes = tree.processes
    guard !processes.contains(where: { $0.condition != .denied && $0.condition != .gone }) else {
      return nil
    }
    let one = processes.count == 1 ? processes.first?.process : nil
    if processes.contains(where: { $0.condition == .denied }) {
      let whom = one.map { "process \($0.pid) (\($0.name), user \($0.user))" }
      error = ToolError(
        .noPermission,
        "the memory of \(whom ?? "these processes") may not be read: "
          + "be its user, or root, and see that no security policy forbids it")
    } else {
      let whom = one.map { "process \($0.pid)" }
      error = ToolError(.noInput, "\(whom ?? "these processes") ended before being read")
    }
  }
}

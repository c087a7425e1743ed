internal import MemoryAccounting

/// The figures of groups for other programs: the JSON of `cow stat --by --json`.
struct GroupDocument: Encodable {
  private let version = StatDocument.version
  private let time: String
  private let by: String
  private let groups: [Group]

  init(_ groups: ProcessGroups, at moment: SampleMoment = .now()) {
    time = moment.time
    by = groups.key.rawValue
    self.groups = groups.groups.map(Group.init)
  }

  private struct Group: Encodable {
    let name: String
    let pids: [Int32]
    let denied: [Int32]
    let total: FigureSet

    init(_ group: ProcessGroups.Group) {
      name = group.name
      pids = group.tree.processes.map(\.id)
      denied = group.tree.processes.filter { $0.condition == .denied }.map(\.id)
      total = FigureSet(group.tree.total)
    }
  }
}

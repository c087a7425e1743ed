internal import MemoryAccounting

/// Processes put together by what they have in common, each group measured as a whole: its totals are
/// distinct pages.
struct ProcessGroups {
  struct Group {
    let name: String
    let tree: ProcessTree
  }

  let key: GroupKey
  /// The groups, the largest first.
  let groups: [Group]

  /// Measures the processes, group after group.
  ///
  /// At most `limit` groups keep their name; what the smallest of the others (by resident size) hold
  /// is one group together, called "(other)".
  init(_ entries: [ProcessEntry], by key: GroupKey, limit: Int = .max) throws(ToolError) {
    self.key = key
    var groups: [Group] = []
    for (name, members) in Self.partition(entries, by: key, limit: limit) {
      let tree = try accounting { () throws(AccountingError) in try ProcessTree(entries: members) }
      groups.append(Group(name: name, tree: tree))
    }
    let size = { (group: Group) in group.tree.total.distinct.bytes ?? 0 }
    self.groups = groups.sorted { (size($1), $0.name) < (size($0), $1.name) }
  }

  static func partition(
    _ entries: [ProcessEntry], by key: GroupKey, limit: Int
  ) -> [(name: String, members: [ProcessEntry])] {
    var members: [String: [ProcessEntry]] = [:]
    for entry in entries where !entry.isKernelThread {
      members[key.name(for: entry), default: []].append(entry)
    }
    guard members.count > limit else {
      return members.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
    let sizes = members.mapValues { entries in
      entries.reduce(0) { $0 + ($1.residentSize().bytes ?? 0) }
    }
    let names = members.keys.sorted { (sizes[$1] ?? 0, $0) < (sizes[$0] ?? 0, $1) }
    let kept = names.filter { $0 != Self.other }.prefix(max(limit, 1) - 1)
    let rest = Set(names).subtracting(kept).flatMap { members[$0] ?? [] }
    return kept.map { ($0, members[$0] ?? []) } + [(Self.other, rest)]
  }

  static let other = "(other)"
}

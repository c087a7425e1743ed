/// The groups of address spaces that totals are wanted of: a process with all that descend from it, or
/// processes that have something in common. Every address space is in the whole, number 0.
///
/// What is counted is noted where an address space is, and added up outwards at the end: the cost does
/// not grow with how deep groups are nested.
final class Hierarchy {
  let groups: Groups
  private var nodes: [GroupNode]

  /// The number of the group that a process is the root of, or belongs to.
  private(set) var nodeOfProcess: [Int32: Int] = [:]
  /// The number of the group that a process is alone in; none where processes with something in common
  /// are grouped. Only what it would free is counted of it.
  private(set) var ownNodeOfProcess: [Int32: Int] = [:]
  /// The names of the groups from number 1 on; empty for processes with their descendants.
  private(set) var names: [String] = []

  init(
    _ entries: [ProcessEntry], _ listing: AddressSpaceListing, _ kind: AccountingOptions.Totals
  ) {
    var parents = [0]
    switch kind {
    case .whole: break
    case .subtrees:
      for (index, entry) in entries.enumerated() { nodeOfProcess[entry.pid] = index + 1 }
      for entry in entries { parents.append(nodeOfProcess[entry.parent] ?? 0) }
      for entry in entries {
        ownNodeOfProcess[entry.pid] = parents.count
        parents.append(nodeOfProcess[entry.pid] ?? 0)
      }
    case .groups(let grouping):
      var numbers: [String: Int] = [:]
      for entry in entries {
        let name = grouping.name(of: entry)
        if numbers[name] == nil {
          names.append(name)
          numbers[name] = names.count
          parents.append(0)
        }
        nodeOfProcess[entry.pid] = numbers[name]
      }
    }
    groups = Groups(GroupTree(parents: parents))
    nodes = Array(repeating: GroupNode(), count: parents.count)
    place(entries, listing)
  }

  /// Gives each address space its place among the groups.
  private func place(_ entries: [ProcessEntry], _ listing: AddressSpaceListing) {
    var spaces: [AddressSpace] = []
    for entry in entries {
      guard let space = listing.space(of: entry.pid) else { continue }
      if space.leaves.isEmpty { spaces.append(space) }
      space.leaves.append(ownNodeOfProcess[entry.pid] ?? nodeOfProcess[entry.pid] ?? 0)
    }
    for space in spaces { space.number = groups.add(space.leaves) }
  }

  /// Notes shared memory in swap space.
  func see(swapped pages: UInt64, of mapping: Mapping, in space: AddressSpace) {
    for group in space.leaves { nodes[group].swappedFiles.add(pages, of: mapping) }
  }

  /// Adds an estimate to a group and all around it, or takes it off.
  func add(_ estimate: PageEstimate, to group: Int) { nodes[group].estimate += estimate }
  func subtract(_ estimate: PageEstimate, from group: Int) { nodes[group].estimate -= estimate }

  /// Notes that nobody outside a group maps a page: it is freed when all of the group end.
  func free(in group: Int, isSharedMemory: Bool) {
    if isSharedMemory { nodes[group].freedSharedMemory += 1 } else { nodes[group].freed += 1 }
  }

  /// Adds up, when everything has been read, what `spaces` have for themselves and what they share.
  func finish(_ spaces: [AddressSpace], _ session: Session) {
    for space in spaces {
      let counts = space.counts
      let home = groups.home(of: space.number)
      nodes[home].freed += counts.uniqueAnonymous
      nodes[home].freedSharedMemory += counts.uniqueSharedMemory
      let possible =
        counts[.sharedAnonymous] + counts[.sharedReadOnly] + counts[.merged] + counts.sharedMemory
      groups.tree.spread(space.leaves) { group, sign in
        nodes[group].exclusive.add(space.exclusive, sign: sign)
        nodes[group].unique.add(counts.uniqueAnonymous, sign: sign)
        nodes[group].possible.add(possible, sign: sign)
      }
      for group in space.leaves {
        nodes[group].hasBeenRead = true
        nodes[group].swapQuality = max(nodes[group].swapQuality, space.quality.swapped)
        nodes[group].sharing = max(nodes[group].sharing, space.quality.sharing)
      }
    }
    session.frames.sets.spread { nodes[$0].frames.add(UInt64(bitPattern: Int64($1)), sign: 1) }
    session.filePages.sets.spread {
      nodes[$0].filePages.add(UInt64(bitPattern: Int64($1)), sign: 1)
    }
    for table in session.swapTables.values {
      table.sets.spread { nodes[$0].slots.add(UInt64(bitPattern: Int64($1)), sign: 1) }
    }
    groups.tree.forEachOutwards { nodes[$1].add(nodes[$0]) }
  }

  /// A group's counts.
  subscript(group: Int) -> GroupNode { nodes[group] }
}

/// What is counted of a group. Until all inside it has been added, amounts may wrap around.
struct GroupNode {
  /// Whether any of its address spaces could be read.
  fileprivate(set) var hasBeenRead = false
  /// Pages that one address space has for itself.
  fileprivate(set) var exclusive = ExclusivePages()
  /// Different frames that others may map too, and slots of swap space.
  fileprivate(set) var frames: UInt64 = 0
  fileprivate(set) var slots: UInt64 = 0
  fileprivate(set) var swappedFiles = SwappedFiles()
  /// Without frame numbers.
  fileprivate(set) var filePages: UInt64 = 0
  fileprivate(set) var estimate = PageEstimate()
  /// Anonymous pages, and pages of shared memory, that nobody outside maps.
  fileprivate(set) var freed: UInt64 = 0
  fileprivate(set) var freedSharedMemory: UInt64 = 0
  /// Anonymous pages that are certain to be only one process's, and those that may be only the
  /// group's.
  fileprivate(set) var unique: UInt64 = 0
  fileprivate(set) var possible: UInt64 = 0
  fileprivate(set) var swapQuality = Exactness.exact
  fileprivate(set) var sharing = Exactness.exact

  /// Adds what a group inside has.
  fileprivate mutating func add(_ inner: GroupNode) {
    hasBeenRead = hasBeenRead || inner.hasBeenRead
    exclusive.add(inner.exclusive, sign: 1)
    frames &+= inner.frames
    slots &+= inner.slots
    swappedFiles.add(inner.swappedFiles)
    filePages &+= inner.filePages
    estimate += inner.estimate
    freed &+= inner.freed
    freedSharedMemory &+= inner.freedSharedMemory
    unique &+= inner.unique
    possible &+= inner.possible
    swapQuality = max(swapQuality, inner.swapQuality)
    sharing = max(sharing, inner.sharing)
  }
}

/// Pages that nobody but one address space maps, so that they need not be told from others'.
struct ExclusivePages {
  var `private`: UInt64 = 0
  /// Merged pages that are mapped once only.
  var merged: UInt64 = 0
  /// Pages of files and of shared memory.
  var files: UInt64 = 0
  /// Those of all three that would be copied.
  var copyOnWrite: UInt64 = 0

  var all: UInt64 { `private` + merged + files }

  mutating func add(_ other: ExclusivePages, sign: Int) {
    `private`.add(other.private, sign: sign)
    merged.add(other.merged, sign: sign)
    files.add(other.files, sign: sign)
    copyOnWrite.add(other.copyOnWrite, sign: sign)
  }
}

extension UInt64 {
  /// Adds or takes off an amount; a sum that is less than nothing on the way comes right in the end.
  fileprivate mutating func add(_ amount: UInt64, sign: Int) {
    self = sign > 0 ? self &+ amount : self &- amount
  }
}

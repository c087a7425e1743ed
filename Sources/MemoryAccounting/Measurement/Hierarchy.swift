/// The groups of address spaces that totals are wanted of: a process with all that descend from it, or
/// processes that have something in common. Every address space is in the whole, number 0.
final class Hierarchy {
  /// What a shared frame is, as far as the groups are concerned.
  enum Kind {
    /// Anonymous: mapped at one address of each address space at most.
    case anonymous
    /// Merged with equal ones: may be anywhere, and stays when one mapping goes.
    case merged
    /// Of shared memory; and of any other file, which is not freed by anyone's end.
    case sharedMemory, file
  }

  private let frameLimit: UInt64
  private var nodes = [GroupNode(parent: 0, depth: 0)]
  /// The innermost group that has all the references to a frame, plus 1; 0 for none so far.
  private let homes: FrameNumbers?
  private var latest = (left: 0, right: 0, common: 0)

  /// The number of the group that a process is the root of, or belongs to.
  private(set) var nodeOfProcess: [Int32: Int] = [:]
  /// The names of the groups from number 1 on; empty for processes with their descendants.
  private(set) var names: [String] = []

  init(
    _ entries: [ProcessEntry], _ listing: AddressSpaceListing, _ kind: AccountingOptions.Totals,
    frameLimit: UInt64
  ) throws(AccountingError) {
    self.frameLimit = frameLimit
    homes = frameLimit > 0 ? try FrameNumbers(limit: frameLimit) : nil
    switch kind {
    case .whole: break
    case .subtrees: addProcesses(entries)
    case .groups(let grouping): addGroups(entries, grouping)
    }
    try place(entries, listing)
  }

  private func addProcesses(_ entries: [ProcessEntry]) {
    for (index, entry) in entries.enumerated() { nodeOfProcess[entry.pid] = index + 1 }
    let parents = entries.map { nodeOfProcess[$0.parent] ?? 0 }
    for number in 1...max(entries.count, 1) where number <= entries.count {
      // A pid may have been used again while the processes were listed: then there is a cycle.
      var depth = 0
      var node = number
      while node != 0, depth <= entries.count {
        node = parents[node - 1]
        depth += 1
      }
      let isCycle = depth > entries.count
      nodes.append(GroupNode(parent: isCycle ? 0 : parents[number - 1], depth: isCycle ? 1 : depth))
    }
  }

  private func addGroups(_ entries: [ProcessEntry], _ grouping: ProcessGrouping) {
    var numbers: [String: Int] = [:]
    for entry in entries {
      let name = grouping.name(of: entry)
      if numbers[name] == nil {
        names.append(name)
        numbers[name] = names.count
        nodes.append(GroupNode(parent: 0, depth: 1))
      }
      nodeOfProcess[entry.pid] = numbers[name]
    }
  }

  /// Gives each address space the groups that it belongs to.
  private func place(
    _ entries: [ProcessEntry], _ listing: AddressSpaceListing
  ) throws(AccountingError) {
    var spaces: [AddressSpace] = []
    for entry in entries {
      guard let space = listing.space(of: entry.pid), let node = nodeOfProcess[entry.pid] else {
        continue
      }
      if space.groups.isEmpty {
        spaces.append(space)
        space.homeGroup = node
      } else {
        space.homeGroup = common(space.homeGroup, node)
      }
      var group = node
      while group != 0, !space.groups.contains(group) {
        space.groups.append(group)
        nodes[group].spaceCount += 1
        group = nodes[group].parent
      }
    }
    for index in nodes.indices where nodes[index].spaceCount > 0 && frameLimit > 0 {
      // Where everything belongs to, the table of all frames counts.
      if nodes[index].spaceCount < spaces.count || spaces.count == 1 {
        nodes[index].frames = try FrameSet(limit: frameLimit)
      }
    }
    for space in spaces {
      space.countedGroups = space.groups.filter { nodes[$0].frames != nil }
      space.countedLargeGroups = space.countedGroups.filter { nodes[$0].spaceCount > 1 }
    }
  }

  /// Notes that `space` maps a frame that others may map too.
  func see(_ frame: UInt64, _ kind: Kind, in space: AddressSpace) {
    switch kind {
    case .anonymous:
      space.sharedAnonymousPages += 1
      setHome(frame, space.homeGroup)
      // An address space of its own has it once and needs no set.
      for group in space.countedLargeGroups { nodes[group].frames?.insert(frame) }
    case .sharedMemory:
      setHome(frame, space.homeGroup)
      for group in space.countedGroups { nodes[group].frames?.insert(frame) }
    case .merged, .file:
      for group in space.countedGroups { nodes[group].frames?.insert(frame) }
    }
  }

  /// Notes a slot of swap space.
  func see(slot: UInt64, in space: AddressSpace) {
    for group in space.countedLargeGroups { nodes[group].slots.insert(slot) }
  }

  /// Notes a page of a file, for readers who do not see frames.
  func see(page: UInt64, of mapping: Mapping, in space: AddressSpace) {
    for group in space.groups { nodes[group].files.insert(page: page, of: mapping) }
  }

  /// Notes shared memory in swap space.
  func see(swapped pages: UInt64, of mapping: Mapping, in space: AddressSpace) {
    for group in space.groups { nodes[group].swappedFiles.add(pages, of: mapping) }
  }

  /// Adds what the address spaces of one family that belong to a group seem to have.
  func add(_ estimate: PageEstimate, to group: Int) { nodes[group].estimate += estimate }

  /// The groups that any of `spaces` belong to.
  func groups(among spaces: [AddressSpace]) -> Set<Int> {
    Set(spaces.flatMap(\.groups))
  }

  private func setHome(_ frame: UInt64, _ group: Int) {
    guard let homes else { return }
    let old = homes[frame]
    if old == group + 1 { return }
    homes[frame] = old == 0 ? group + 1 : common(old - 1, group) + 1
  }

  /// The innermost group that two belong to.
  private func common(_ left: Int, _ right: Int) -> Int {
    if left == right || right == 0 { return left == right ? left : 0 }
    if latest.left == left, latest.right == right { return latest.common }
    var (first, second) = (left, right)
    while first != second {
      if nodes[first].depth >= nodes[second].depth {
        first = nodes[first].parent
      } else {
        second = nodes[second].parent
      }
    }
    latest = (left, right, first)
    return first
  }

  /// Notes that nobody outside maps a frame: it is freed when all of its group end.
  func free(_ frame: UInt64, isSharedMemory: Bool) {
    guard let home = homes?[frame], home > 0 else { return }
    if isSharedMemory { nodes[home - 1].freedSharedMemory += 1 } else { nodes[home - 1].freed += 1 }
  }

  /// Adds up, when everything has been read, what `spaces` have for themselves.
  func finish(_ spaces: [AddressSpace]) {
    for space in spaces {
      let counts = space.counts
      nodes[space.homeGroup].freed += counts[.private] - counts.hugetlbPrivate
      nodes[space.homeGroup].freedSharedMemory += counts.uniqueSharedMemory
      for group in space.groups {
        nodes[group].hasBeenRead = true
        nodes[group].own += space.exclusivePages
        nodes[group].unique += counts[.private] - counts.hugetlbPrivate
        nodes[group].possible +=
          counts[.sharedAnonymous] + counts[.sharedReadOnly] + counts[.merged]
          + counts.sharedMemory
        if nodes[group].spaceCount == 1 {
          nodes[group].own += space.sharedAnonymousPages
          nodes[group].ownSlots += counts[.swapped] - counts.swappedShared
        }
        nodes[group].swapQuality = max(nodes[group].swapQuality, space.quality.swapped)
        nodes[group].sharing = max(nodes[group].sharing, space.quality.sharing)
      }
    }
    // What a group frees, those around it free too.
    for number in nodes.indices.sorted(by: { nodes[$0].depth > nodes[$1].depth }) where number > 0 {
      nodes[nodes[number].parent].freed += nodes[number].freed
      nodes[nodes[number].parent].freedSharedMemory += nodes[number].freedSharedMemory
    }
  }

  /// A group's counts.
  subscript(group: Int) -> GroupNode { nodes[group] }
}

/// What is counted of a group.
struct GroupNode {
  let parent: Int
  let depth: Int
  var spaceCount = 0
  /// Whether any of its address spaces could be read.
  var hasBeenRead = false
  /// Frames that others may map too; `nil` for the whole.
  var frames: FrameSet?
  var slots: Set<UInt64> = []
  /// Pages that one address space has for itself.
  var own: UInt64 = 0
  var ownSlots: UInt64 = 0
  var swappedFiles = SwappedFiles()
  /// Without frame numbers.
  var files = FilePages()
  var estimate = PageEstimate()
  /// Anonymous pages, and pages of shared memory, that nobody outside maps.
  var freed: UInt64 = 0
  var freedSharedMemory: UInt64 = 0
  /// Anonymous pages that are certain to be only one process's, and those that may be only the
  /// group's.
  var unique: UInt64 = 0
  var possible: UInt64 = 0
  var swapQuality = Exactness.exact
  var sharing = Exactness.exact

  init(parent: Int, depth: Int) {
    self.parent = parent
    self.depth = depth
  }
}

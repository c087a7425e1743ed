/// Turns the counts of groups into figures.
struct GroupReport {
  private let session: Session

  init(_ session: Session) { self.session = session }

  /// The groups that were asked for, in the order of the first process of each.
  func groups(of processes: [ProcessMemory]) -> [ProcessGroup] {
    let hierarchy = session.hierarchy
    if hierarchy.names.isEmpty { return [] }
    let byNode = Dictionary(grouping: processes) { hierarchy.nodeOfProcess[$0.id] ?? 0 }
    return hierarchy.names.enumerated().map { index, name in
      let members = byNode[index + 1] ?? []
      let spaces = members.filter { $0.condition == .read && $0.sharesMemoryWith == nil }
      let memory = spaces.map(\.memory).reduce(PageCounts().breakdown(CountQuality()), +)
      let shares = spaces.compactMap(\.proportional)
      return ProcessGroup(
        name: name, pids: members.map(\.id), total: total(of: index + 1), memory: memory,
        proportional: !session.options.includesProportional
          ? nil
          : ProportionalMemory(
            resident: shares.map(\.resident).reduce(MemoryFigure(bytes: 0), +),
            swapped: shares.map(\.swapped).reduce(MemoryFigure(bytes: 0), +)))
    }
  }

  /// The total of the group that a process is the root of.
  func total(ofGroupOf pid: Int32) -> GroupTotal? {
    session.hierarchy.nodeOfProcess[pid].flatMap(total(of:))
  }

  /// What would be free if a process alone ended; `nil` where that is not counted page by page.
  func freed(by pid: Int32) -> FreedMemory? {
    guard session.system.showsFrames, session.mapCounts != nil,
      let group = session.hierarchy.nodeOfProcess[pid],
      let own = session.hierarchy.ownNodeOfProcess[pid]
    else { return nil }
    return freed(session.hierarchy[own], session.hierarchy[group].sharing)
  }

  private func total(of number: Int) -> GroupTotal? {
    let group = session.hierarchy[number]
    guard group.hasBeenRead else { return nil }
    let seesFrames = session.system.showsFrames
    let distinct = distinct(group)
    let swapped = swapped(group)
    return GroupTotal(
      distinct: figure(distinct, seesFrames ? .exact : .estimate),
      swap: figure(swapped.pages, swapped.exactness), freed: freed(group))
  }

  private func figure(_ pages: UInt64, _ exactness: Exactness) -> MemoryFigure {
    MemoryFigure(bytes: pages * Kernel.pageSize, exactness: exactness)
  }

  private func distinct(_ group: GroupNode) -> UInt64 {
    guard session.system.showsFrames else {
      let estimate = group.estimate
      return estimate.private + estimate.shared + estimate.mergedPages() + group.filePages
        + group.exclusive.files
    }
    return group.frames + group.exclusive.all
  }

  private func swapped(_ group: GroupNode) -> (pages: UInt64, exactness: Exactness) {
    let files = group.swappedFiles.distinct()
    let quality = max(group.swapQuality, files.exactness)
    guard session.system.showsFrames else {
      let pages = group.estimate.swapped + files.pages
      return (pages, pages == 0 ? quality : max(quality, .estimate))
    }
    return (group.slots + files.pages, quality)
  }

  private func freed(_ group: GroupNode) -> FreedMemory {
    guard session.system.showsFrames, session.mapCounts != nil else {
      let isAlone = group.possible == 0
      return FreedMemory(
        certain: figure(group.unique, isAlone ? group.sharing : max(group.sharing, .estimate)),
        atMost: figure(group.unique + group.possible, isAlone ? group.sharing : .bound))
    }
    return freed(group, group.sharing)
  }

  private func freed(_ group: GroupNode, _ sharing: Exactness) -> FreedMemory {
    FreedMemory(
      certain: figure(group.freed, sharing),
      atMost: figure(
        group.freed + group.freedSharedMemory,
        max(sharing, group.freedSharedMemory > 0 ? .bound : .exact)))
  }
}

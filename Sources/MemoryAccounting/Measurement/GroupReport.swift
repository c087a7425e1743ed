/// Turns the counts of groups into figures.
struct GroupReport {
  private let session: Session
  private let whole: TreeArithmetic

  init(_ session: Session, _ whole: TreeArithmetic) {
    self.session = session
    self.whole = whole
  }

  /// The groups that were asked for, in the order of the first process of each.
  func groups(of processes: [ProcessMemory]) -> [ProcessGroup] {
    guard let hierarchy = session.hierarchy, !hierarchy.names.isEmpty else { return [] }
    return hierarchy.names.enumerated().map { index, name in
      let members = processes.filter { hierarchy.nodeOfProcess[$0.id] == index + 1 }
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
    session.hierarchy?.nodeOfProcess[pid].flatMap(total(of:))
  }

  private func total(of number: Int) -> GroupTotal? {
    guard let hierarchy = session.hierarchy, hierarchy[number].hasBeenRead else { return nil }
    let group = hierarchy[number]
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
      var files = group.files
      let estimate = group.estimate
      return estimate.private + estimate.shared + estimate.mergedPages() + files.distinct()
    }
    guard let frames = group.frames else { return whole.distinct().all }
    return frames.count + group.own
  }

  private func swapped(_ group: GroupNode) -> (pages: UInt64, exactness: Exactness) {
    let files = group.swappedFiles.distinct()
    let quality = max(group.swapQuality, files.exactness)
    guard session.system.showsFrames else {
      let pages = group.estimate.swapped + files.pages
      return (pages, pages == 0 ? quality : max(quality, .estimate))
    }
    guard group.frames != nil else { return whole.swapped() }
    let slots = group.spaceCount == 1 ? group.ownSlots : UInt64(group.slots.count)
    return (slots + files.pages, quality)
  }

  private func freed(_ group: GroupNode) -> FreedMemory {
    guard session.system.showsFrames, session.mapCounts != nil else {
      let isAlone = group.possible == 0
      return FreedMemory(
        certain: figure(group.unique, isAlone ? group.sharing : max(group.sharing, .estimate)),
        atMost: figure(group.unique + group.possible, isAlone ? group.sharing : .bound))
    }
    let sharing = group.sharing
    return FreedMemory(
      certain: figure(group.freed, sharing),
      atMost: figure(
        group.freed + group.freedSharedMemory,
        max(sharing, group.freedSharedMemory > 0 ? .bound : .exact)))
  }
}

internal import SystemPackage

/// Turns what a session has counted into figures.
struct TreeReport {
  private let session: Session
  private let listing: AddressSpaceListing
  /// Address spaces that ceased to be while they were read, in every attempt.
  private let lost: [AddressSpace]

  private let spaces: [AddressSpace]

  init(_ session: Session, _ listing: AddressSpaceListing, lost: [AddressSpace]) {
    self.session = session
    self.listing = listing
    self.lost = lost
    spaces = listing.families.joined().filter { space in
      listing.space(of: space.process.pid) === space && !lost.contains { $0 === space }
    }
  }

  func tree(of entries: [ProcessEntry]) -> ProcessTree {
    let arithmetic = TreeArithmetic(session, spaces)
    // Finds out, on its way, what each group would free.
    let could = arithmetic.couldStillCopy()
    session.hierarchy.finish(spaces, session)
    let groups = GroupReport(session)
    let processes = entries.map { report($0, groups) }
    return ProcessTree(
      processes: processes, total: total(processes, arithmetic, could),
      groups: groups.groups(of: processes))
  }

  private func isLost(_ space: AddressSpace) -> Bool { lost.contains { $0 === space } }

  private func report(_ entry: ProcessEntry, _ groups: GroupReport) -> ProcessMemory {
    guard let space = listing.space(of: entry.pid) else {
      let condition = listing.conditions[entry.pid] ?? .gone
      return ProcessMemory(
        process: entry, condition: condition, memory: unreadMemory(entry, condition))
    }
    if isLost(space) {
      return ProcessMemory(process: entry, condition: .gone, memory: .denied)
    }
    let memory = space.counts.breakdown(space.quality)
    let parting = parting(of: entry, space)
    let isGroupOfItsOwn = session.options.totals == .subtrees
    return ProcessMemory(
      process: entry, condition: .read, memory: memory, differing: parting?.differing,
      fresh: parting?.fresh, writers: writers(of: entry, space),
      proportional: session.options.includesProportional
        ? space.proportional(knowsShares: session.shares != nil) : nil,
      subtree: isGroupOfItsOwn ? groups.total(ofGroupOf: entry.pid) : nil,
      freed: groups.freed(by: entry.pid) ?? freed(space),
      sharesMemoryWith: space.process.pid == entry.pid ? nil : space.process.pid,
      mappings: mappings(of: space), picture: space.cells.map(AddressSpacePicture.init))
  }

  private func unreadMemory(
    _ entry: ProcessEntry, _ condition: ProcessCondition
  ) -> MemoryBreakdown {
    switch condition {
    case .kernelThread, .zombie: return PageCounts().breakdown(CountQuality())
    case .read, .gone: return .denied
    case .denied:
      // The resident size is no secret.
      var memory = MemoryBreakdown.denied
      if session.options.addresses == nil { memory.resident = entry.residentSize() }
      return memory
    }
  }

  /// What differs from the parent's; of two processes in one address space nothing ever does.
  private func parting(
    of entry: ProcessEntry, _ space: AddressSpace
  ) -> (differing: MemoryFigure, fresh: MemoryFigure)? {
    if let parent = listing.space(of: entry.parent), parent === space {
      return (MemoryFigure(bytes: 0), MemoryFigure(bytes: 0))
    }
    guard let origin = space.origin, !isLost(origin) else { return nil }
    let exactness: Exactness = session.system.showsFrames ? .exact : .estimate
    return (
      MemoryFigure(bytes: space.differingPages * Kernel.pageSize, exactness: exactness),
      MemoryFigure(
        bytes: space.freshPages * Kernel.pageSize,
        exactness: max(space.quality.zero, space.quality.swapped))
    )
  }

  private func writers(of entry: ProcessEntry, _ space: AddressSpace) -> Writers? {
    guard let origin = space.origin, !isLost(origin), entry.pid == space.process.pid else {
      return nil
    }
    return writers(space.writers, of: space, origin)
  }

  private func writers(
    _ counts: WriterCounts, of space: AddressSpace, _ origin: AddressSpace
  ) -> Writers? {
    guard session.writers != nil else { return nil }
    // A page that comes back from swap space to the last of its sharers, or that is parted from its
    // equals, gets the mark and is the one that it was. The swap space may be gone since then.
    let system = session.system
    let isMerged =
      system.mayHaveMerged && (space.mayHaveMergedPages || origin.mayHaveMergedPages)
    let exactness: Exactness = system.hasSwapped || isMerged ? .estimate : .exact
    let figure = { (pages: UInt64, exactness: Exactness) in
      MemoryFigure(bytes: pages * Kernel.pageSize, exactness: exactness)
    }
    return Writers(
      process: figure(counts.here, exactness), parent: figure(counts.origin, .estimate),
      unknown: figure(counts.somebody, exactness))
  }

  private func freed(_ space: AddressSpace) -> FreedMemory {
    let counts = space.counts
    // Of two processes in one address space neither frees anything by its end alone.
    let isShared = listing.isShared(space)
    let certain = isShared ? 0 : counts.uniqueAnonymous * Kernel.pageSize
    let shared = isShared ? 0 : counts.uniqueSharedMemory * Kernel.pageSize
    let exactness = max(space.quality.sharing, space.quality.residence)
    return FreedMemory(
      certain: MemoryFigure(bytes: certain, exactness: exactness),
      atMost: MemoryFigure(
        bytes: certain + shared, exactness: max(exactness, shared > 0 ? .bound : .exact)))
  }

  private func mappings(of space: AddressSpace) -> [MappingMemory] {
    let origin = space.origin.flatMap { isLost($0) ? nil : $0 }
    let exactness: Exactness = session.system.showsFrames ? .exact : .estimate
    return space.countsByMapping.indices.map { index in
      let mapping = space.mappings[index]
      let parting = origin == nil ? nil : space.partingByMapping[index]
      return MappingMemory(
        addresses: mapping.range, permissions: mapping.permissionsText,
        name: space.name(of: mapping),
        memory: space.countsByMapping[index].breakdown(space.quality),
        differing: parting.map {
          MemoryFigure(bytes: $0.differing * Kernel.pageSize, exactness: exactness)
        },
        writers: parting.flatMap { parting in
          origin.flatMap { writers(parting.writers, of: space, $0) }
        })
    }
  }

  private func total(
    _ processes: [ProcessMemory], _ totals: TreeArithmetic,
    _ could: (pages: UInt64, exactness: Exactness)
  ) -> TreeTotal {
    let present = processes.filter { $0.condition != .gone }
    let naive = present.reduce(MemoryFigure(bytes: 0)) { $0 + $1.memory.resident }
    let read = present.filter { $0.condition != .denied }
    if read.isEmpty, !present.isEmpty { return .denied(naive: naive) }
    let memory = read.filter { $0.sharesMemoryWith == nil }
      .reduce(PageCounts().breakdown(CountQuality())) { $0 + $1.memory }
    let known: Exactness = lost.isEmpty && listing.knowsSharedSpaces ? .exact : .estimate
    let figure = { (pages: UInt64, exactness: Exactness) in
      MemoryFigure(bytes: pages * Kernel.pageSize, exactness: max(known, exactness))
    }
    let frames: Exactness = session.system.showsFrames ? .exact : .estimate
    let distinct = totals.distinct()
    let swapped = totals.swapped()
    let sharing = spaces.reduce(frames) { max($0, $1.quality.sharing) }
    return TreeTotal(
      distinct: figure(distinct.all, frames),
      private: figure(distinct.private, sharing),
      sharedAnonymous: figure(distinct.sharedAnonymous, sharing),
      files: figure(distinct.files, frames),
      copyOnWrite: figure(distinct.copyOnWrite, sharing),
      swap: figure(swapped.pages, swapped.exactness),
      naive: naive,
      differing: figure(session.differing, frames),
      couldStillCopy: figure(could.pages, could.exactness),
      memory: memory)
  }
}

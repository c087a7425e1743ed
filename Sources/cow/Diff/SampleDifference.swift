/// What changed from one sample to another.
struct SampleDifference {
  /// What became of a process, or of a mapping.
  enum Fate: String, Encodable {
    case stayed, appeared, ended
  }

  /// How processes of the two samples were put side by side.
  enum Matching: String, Encodable {
    /// By pid and start: the same processes.
    case process
    /// By name, as no process is in both: figures are sums over the processes of a name.
    case name
  }

  let from: SavedSample
  let to: SavedSample
  let matching: Matching
  /// The seconds in between; `nil` where the machine was started anew.
  let seconds: Double?
  let total: FigureChange
  /// All processes of both, those of the later sample first, in its order.
  let processes: [ProcessDifference]

  init(from: SavedSample, to: SavedSample) {
    self.from = from
    self.to = to
    let isSameBoot = from.bootID == to.bootID
    seconds = isSameBoot ? to.uptimeSeconds - from.uptimeSeconds : nil
    total = FigureChange(from: from.total, to: to.total)
    let identity = { (process: SavedSample.Process) in
      ProcessIdentity(pid: process.pid, startTicks: process.startTicks)
    }
    let earlier = Dictionary(
      from.processes.map { (identity($0), $0) }, uniquingKeysWith: { first, _ in first })
    let hasCommon = isSameBoot && to.processes.contains { earlier[identity($0)] != nil }
    guard hasCommon || from.processes.isEmpty || to.processes.isEmpty else {
      matching = .name
      processes = Self.byName(from.processes, to.processes)
      return
    }
    matching = .process
    let later = Set(to.processes.map(identity))
    let stayed = to.processes.map { Self.process(earlier[identity($0)], $0) }
    let ended = from.processes.filter { !later.contains(identity($0)) }
    processes = stayed + ended.map { Self.process($0, nil) }
  }

  private struct ProcessIdentity: Hashable {
    let pid: Int32
    let startTicks: UInt64
  }

  private static func process(
    _ from: SavedSample.Process?, _ to: SavedSample.Process?
  ) -> ProcessDifference {
    ProcessDifference(
      pid: to?.pid ?? from?.pid, name: to?.name ?? from?.name ?? "",
      fate: from == nil ? .appeared : to == nil ? .ended : .stayed,
      change: FigureChange(from: from?.figures, to: to?.figures),
      mappings: from == nil || to == nil ? [] : mappings(from?.mappings ?? [], to?.mappings ?? []))
  }

  /// A mapping is the same if it has its name and its first address (the heap grows at its end), or
  /// its last (the stack grows at its start).
  private static func mappings(
    _ from: [SavedSample.Mapping], _ to: [SavedSample.Mapping]
  ) -> [MappingDifference] {
    var byStart: [UInt64: Int] = [:]
    var byEnd: [UInt64: Int] = [:]
    for (index, mapping) in from.enumerated() {
      byStart[mapping.start] = index
      byEnd[mapping.end] = index
    }
    var isMatched = Array(repeating: false, count: from.count)
    var changed: [MappingDifference] = []
    for mapping in to {
      let match = [byStart[mapping.start], byEnd[mapping.end]].compactMap { $0 }
        .first { from[$0].name == mapping.name && !isMatched[$0] }
      if let match { isMatched[match] = true }
      let change = FigureChange(from: match.map { from[$0].figures }, to: mapping.figures)
      guard change.isChange else { continue }
      changed.append(
        MappingDifference(
          start: mapping.start, name: mapping.name, fate: match == nil ? .appeared : .stayed,
          change: change))
    }
    for (index, mapping) in from.enumerated() where !isMatched[index] {
      changed.append(
        MappingDifference(
          start: mapping.start, name: mapping.name, fate: .ended,
          change: FigureChange(from: mapping.figures, to: nil)))
    }
    return changed
  }

  private static func byName(
    _ from: [SavedSample.Process], _ to: [SavedSample.Process]
  ) -> [ProcessDifference] {
    let sums = { (processes: [SavedSample.Process]) in
      Dictionary(processes.map { ($0.name, $0.figures) }, uniquingKeysWith: +)
    }
    let (earlier, later) = (sums(from), sums(to))
    return Set(earlier.keys).union(later.keys).sorted().map { name in
      ProcessDifference(
        pid: nil, name: name,
        fate: earlier[name] == nil ? .appeared : later[name] == nil ? .ended : .stayed,
        change: FigureChange(from: earlier[name], to: later[name]), mappings: [])
    }
  }
}

/// What changed of a mapping.
struct MappingDifference {
  let start: UInt64
  let name: String
  let fate: SampleDifference.Fate
  let change: FigureChange
}

/// What changed of a process.
struct ProcessDifference {
  /// `nil` where processes are put together by name.
  let pid: Int32?
  let name: String
  let fate: SampleDifference.Fate
  let change: FigureChange
  /// The mappings whose figures changed.
  let mappings: [MappingDifference]
}

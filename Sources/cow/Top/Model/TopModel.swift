internal import MemoryAccounting

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// What `cow top` knows: the processes as they are listed on every refresh, and the figures of the
/// latest scan.
struct TopModel {
  /// A process with the figures that are known of it.
  struct Process {
    let entry: ProcessEntry
    let program: String
    let command: String
    /// What the kernel's counters say, on every refresh; `nil` when it has ended.
    let resident: MemoryFigure?
    /// What the latest scan says, `nil` until there was one.
    let memory: ProcessMemory?
    /// What it has to itself since the fork.
    let copied: MemoryFigure?
    /// The growth of that, in bytes a minute.
    let growth: Double?
    let hasEnded: Bool
  }

  struct Group {
    let name: String
    let group: ProcessGroup
  }

  private(set) var processes: [Process] = []
  private(set) var groups: [Group] = []
  /// What the groups of the latest scan have in common; `nil` if it was of processes.
  private(set) var groupKey: GroupKey?
  /// The latest scan of processes.
  private(set) var tree: ProcessTree?
  /// What all processes of the latest scan, of whichever kind, have together.
  private(set) var total: TreeTotal?
  /// The processes that may not be read.
  private(set) var denied: [ProcessMemory] = []
  /// What each parent has to itself since its children were forked.
  private var ownOfParents: [Int32: MemoryFigure] = [:]
  private(set) var places: [CopyRanking.Place] = []
  /// The growth of what was copied in all, in bytes a minute.
  private(set) var growth: Double?
  /// The share of one core that scans have taken since the start.
  private(set) var scanShare = 0.0
  /// Whether nothing that was asked for is there any more.
  private(set) var hasEnded = false
  /// The first scan of processes, to compare later ones with.
  private(set) var baseline: ProcessTree?
  private(set) var baselineMoment = SampleMoment.now()

  private let selection: ProcessSelection
  private let showsProportional: Bool
  private var entries: [ProcessEntry] = []
  private var ended: [ProcessEntry] = []
  private var history = CopyHistory()
  private var ranking = CopyRanking()
  private var scanSeconds = 0.0
  private let start = seconds(of: CLOCK_MONOTONIC)

  private static let total = "total"

  /// - Throws: `ToolError` if there is nothing to show.
  init(_ selection: ProcessSelection, showsProportional: Bool) throws(ToolError) {
    self.selection = selection
    self.showsProportional = showsProportional
    let found = try selection.find()
    entries = found.entries
    update()
  }

  /// What is shown of `processes`.
  init(processes: [Process]) {
    selection = ProcessSelection()
    showsProportional = false
    self.processes = processes
  }

  /// Lists the processes anew. Those that were named and have ended stay, with their last figures.
  mutating func list() throws(ToolError) {
    let now = try selection.find(mayBeEmpty: true).entries
    let listed = Set(now)
    for entry in entries where selection.pids.contains(entry.pid) {
      // The same process under another name, or with another parent, has not ended.
      let isThere = now.contains { $0.pid == entry.pid && $0.startTicks == entry.startTicks }
      if !listed.contains(entry), !isThere { ended.append(entry) }
    }
    entries = now
    // One that its parent has not collected yet has ended, too.
    hasEnded = now.allSatisfy(\.isZombie) && selection.isOfNamed
    update()
  }

  /// What is to be scanned next.
  ///
  /// Where page frame numbers are to be had, proportional sizes cost the processes nothing.
  func request(by key: GroupKey?) -> Scanner.Request {
    Scanner.Request(
      entries: entries, key: key,
      includesProportional: showsProportional || total?.distinct.exactness == .exact)
  }

  /// Takes the figures of a scan over.
  mutating func apply(_ new: ProcessTree, by key: GroupKey?, cost: Double, at time: Double) {
    scanSeconds += cost
    scanShare = scanSeconds / max(seconds(of: CLOCK_MONOTONIC) - start, 0.001)
    groupKey = key
    // What has ended between the listing and the scan has nothing to say.
    guard new.processes.contains(where: { $0.condition != .gone && $0.condition != .zombie }) else {
      return
    }
    total = new.total
    denied = new.processes.filter { $0.condition == .denied }
    if let key {
      groups = new.groups.map { Group(name: key.title(of: $0.name), group: $0) }
    } else {
      groups = []
      applyProcesses(new, at: time)
    }
    update()
  }

  private mutating func applyProcesses(_ new: ProcessTree, at time: Double) {
    ranking.note(tree.map { CopySearch(from: $0, to: new).found } ?? [], at: time)
    places = ranking.places
    tree = new
    ownOfParents = [:]
    for process in new.processes {
      guard let own = process.writers?.parent, let bytes = own.bytes else { continue }
      let parent = process.process.parent
      if ownOfParents[parent]?.bytes ?? 0 <= bytes { ownOfParents[parent] = own }
    }
    var amounts: [String: UInt64] = [:]
    for process in new.processes {
      amounts[Self.name(process.process)] = copied(by: process)?.bytes
    }
    amounts[Self.total] = new.total.differing.bytes
    history.note(amounts, at: time)
    growth = history.rate(of: Self.total)
    if baseline == nil {
      baseline = new
      baselineMoment = .now()
    }
  }

  /// What a process has to itself since its fork or, if it was not forked from one that is read too,
  /// since it forked its children; where that is not known, what differs from its parent's.
  private func copied(by process: ProcessMemory) -> MemoryFigure? {
    guard knowsWriters else { return process.differing }
    return process.writers?.process ?? ownOfParents[process.id]
  }

  /// What would be free if all were killed, known where they descend from one that is read, too.
  var freed: FreedMemory? {
    guard groupKey == nil, let tree else { return nil }
    let all = Set(tree.processes.map(\.id))
    let roots = tree.processes.filter { !all.contains($0.process.parent) }
    return roots.count == 1 ? roots[0].subtree?.freed : nil
  }

  /// Whether it is known who wrote to pages that differ.
  var knowsWriters: Bool { tree?.processes.contains { $0.writers != nil } ?? false }

  private static func name(_ entry: ProcessEntry) -> String { "\(entry.pid) \(entry.startTicks)" }

  private mutating func update() {
    var memories: [String: ProcessMemory] = [:]
    for process in tree?.processes ?? [] where process.condition != .gone {
      memories[Self.name(process.process)] = process
    }
    let last = Dictionary(
      processes.map { (Self.name($0.entry), $0) }, uniquingKeysWith: { first, _ in first })
    let present = entries.map { entry in
      Process(
        entry: entry, program: last[Self.name(entry)]?.program ?? entry.programName().printable,
        command: Self.command(of: entry), resident: entry.residentSize(),
        memory: memories[Self.name(entry)],
        copied: memories[Self.name(entry)].flatMap { copied(by: $0) },
        growth: history.rate(of: Self.name(entry)),
        hasEnded: false)
    }
    let gone = ended.map { entry in
      let known = last[Self.name(entry)]
      return Process(
        entry: entry, program: known?.program ?? entry.name.printable,
        command: known?.command ?? entry.name.printable, resident: nil,
        memory: known?.memory, copied: known?.copied, growth: nil, hasEnded: true)
    }
    processes = present + gone
  }

  private static func command(of entry: ProcessEntry) -> String {
    let words = entry.commandLine()
    if words.isEmpty {
      return entry.isZombie ? "\(entry.name) (zombie)".printable : entry.name.printable
    }
    // The folders of a program, and of the script that it runs, say less than what follows.
    let short = words.enumerated().map { index, word in
      index < 2 && word.hasPrefix("/")
        ? word.split(separator: "/").last.map(String.init) ?? word : word
    }
    return short.joined(separator: " ").printable
  }
}

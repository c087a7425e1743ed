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
    let command: String
    /// What the kernel's counters say, on every refresh; `nil` when it has ended.
    let resident: MemoryFigure?
    /// What the latest scan says, `nil` until there was one.
    let memory: ProcessMemory?
    /// The growth of what was copied, in bytes a minute.
    let growth: Double?
    let hasEnded: Bool
  }

  struct Group {
    let name: String
    let tree: ProcessTree
    let growth: Double?
  }

  private(set) var processes: [Process] = []
  private(set) var groups: [Group] = []
  /// What the groups of the latest scan have in common; `nil` if it was of processes.
  private(set) var groupKey: GroupKey?
  /// The latest scan of processes.
  var tree: ProcessTree? { scan?.tree }
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
  private var scan: ProcessScan?
  private var entries: [ProcessEntry] = []
  private var ended: [ProcessEntry] = []
  private var history = CopyHistory()
  private var ranking = CopyRanking()
  private var scanSeconds = 0.0
  private let start = seconds(of: CLOCK_MONOTONIC)

  private static let total = "total"

  /// - Throws: `ToolError` if there is nothing to show.
  init(_ selection: ProcessSelection) throws(ToolError) {
    self.selection = selection
    let found = try selection.find()
    entries = found.entries
    update()
  }

  /// What is shown of `processes`.
  init(processes: [Process]) {
    selection = ProcessSelection()
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
  func request(by key: GroupKey?) -> Scanner.Request {
    Scanner.Request(entries: entries, key: key)
  }

  /// Takes the figures of a scan over.
  mutating func apply(_ content: Scanner.Content, cost: Double, at time: Double) {
    scanSeconds += cost
    scanShare = scanSeconds / max(seconds(of: CLOCK_MONOTONIC) - start, 0.001)
    switch content {
    case .processes(let now): applyProcesses(now, at: time)
    case .groups(let now): applyGroups(now, at: time)
    }
    update()
  }

  private mutating func applyProcesses(_ new: ProcessScan, at time: Double) {
    let now = new.tree
    // What has ended between the listing and the scan has nothing to say.
    guard now.processes.contains(where: { $0.condition != .gone }) else { return }
    ranking.note(scan.map { CopySearch(from: $0, to: new).found } ?? [], at: time)
    places = ranking.places
    var amounts: [String: UInt64] = [:]
    for process in now.processes {
      amounts[Self.name(process.process)] = process.diverged?.bytes
    }
    amounts[Self.total] = now.total.copiesMade.bytes
    history.note(amounts, at: time)
    growth = history.rate(of: Self.total)
    scan = new
    groupKey = nil
    groups = []
    if baseline == nil {
      baseline = now
      baselineMoment = .now()
    }
  }

  private mutating func applyGroups(_ now: ProcessGroups, at time: Double) {
    var amounts: [String: UInt64] = [:]
    for group in now.groups { amounts[group.name] = group.tree.total.copiesMade.bytes }
    if groupKey != now.key { history = CopyHistory() }
    history.note(amounts, at: time)
    groupKey = now.key
    groups = now.groups.map {
      Group(name: $0.name, tree: $0.tree, growth: history.rate(of: $0.name))
    }
  }

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
        entry: entry, command: Self.command(of: entry), resident: entry.residentSize(),
        memory: memories[Self.name(entry)], growth: history.rate(of: Self.name(entry)),
        hasEnded: false)
    }
    let gone = ended.map { entry in
      let known = last[Self.name(entry)]
      return Process(
        entry: entry, command: known?.command ?? entry.name.printable, resident: nil,
        memory: known?.memory, growth: nil, hasEnded: true)
    }
    processes = present + gone
  }

  private static func command(of entry: ProcessEntry) -> String {
    let words = entry.commandLine()
    if words.isEmpty { return entry.isZombie ? "\(entry.name) (zombie)".printable : entry.name.printable }
    // The folders of a program, and of the script that it runs, say less than what follows.
    let short = words.enumerated().map { index, word in
      index < 2 && word.hasPrefix("/") ? word.split(separator: "/").last.map(String.init) ?? word : word
    }
    return short.joined(separator: " ").printable
  }
}

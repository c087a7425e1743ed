internal import Foundation
internal import MemoryAccounting

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// `cow top` while it runs: lists processes, has them scanned, answers keys and shows it all.
struct TopSession {
  private var model: TopModel
  private var state: TopState
  private var budget: ScanBudget
  private var keys = KeyReader()
  private var isScanning = false
  /// Whether any process could be read, ever.
  private var hasBeenRead = false
  /// The budget is earned from this time on.
  private var latest = seconds(of: CLOCK_MONOTONIC)
  private var panel: [String] = []
  private var recorder: TopRecorder?
  /// What became of the recording that was asked for.
  private var note: String?

  private let scanner: Scanner
  private let units: ByteUnit
  private let interval: Double

  init(
    _ selection: ProcessSelection, state: TopState, units: ByteUnit, interval: Double, duty: Double,
    showsProportional: Bool
  ) throws(ToolError) {
    model = try TopModel(selection, showsProportional: showsProportional)
    scanner = try Scanner()
    self.state = state
    self.units = units
    self.interval = interval
    budget = ScanBudget(duty: duty, interval: interval)
  }

  /// Prints one screen after the other; returns the signal that ended it.
  mutating func print(on screen: borrowing Screen, count: Int?) throws(ToolError) -> Int32? {
    var shown = 0
    while true {
      startScan()
      if isScanning { try takeScan() }
      try screen.show(frame.lines)
      shown += 1
      if shown == count { return nil }
      if model.hasEnded {
        ToolError.report("the processes have ended")
        return nil
      }
      if case .signal(let signal) = screen.wait(seconds: interval, scanner: nil) { return signal }
      try model.list()
    }
  }

  /// Shows the screen and answers keys until it is told to end; returns the signal that did.
  mutating func watch(on screen: borrowing Screen, count: Int?) throws(ToolError) -> Int32? {
    var refreshes = 1
    startScan()
    var due = ContinuousClock.now + .seconds(interval)
    while true {
      try screen.show(frame.lines)
      let wait = keys.isWaiting ? 0.05 : (due - .now) / .seconds(1)
      switch screen.wait(seconds: wait, scanner: isScanning ? scanner.descriptor : nil) {
      case .keys(let bytes):
        for key in keys.read(bytes) where try press(key, on: screen) { return nil }
      case .signal(SIGWINCH): if let opened = state.panel { panel = text(of: opened) }
      case .signal(SIGTSTP): try screen.suspend()
      case .signal(let signal): return signal
      case .scanned:
        try takeScan()
      case .timeout where keys.isWaiting:
        for key in keys.flush() where try press(key, on: screen) { return nil }
      case .timeout:
        if refreshes == count { return nil }
        refreshes += 1
        due = .now + .seconds(interval)
        try model.list()
        startScan()
      }
    }
  }

  // MARK: - Scans

  private mutating func startScan() {
    let now = seconds(of: CLOCK_MONOTONIC)
    budget.earn(seconds: now - latest)
    latest = now
    if isScanning || model.hasEnded || !budget.allowsScan { return }
    scanner.start(model.request(by: state.groupKey))
    isScanning = true
  }

  private mutating func takeScan() throws(ToolError) {
    let outcome = scanner.take()
    isScanning = false
    budget.spend(seconds: outcome.cost)
    switch outcome.tree {
    case .success(let tree):
      // That they have ended meanwhile is shown.
      if !hasBeenRead, let obstacle = StatObstacle(tree), obstacle.error.exitCode == .noPermission {
        throw obstacle.error
      }
      hasBeenRead = true
      model.apply(tree, by: outcome.key, cost: outcome.cost, at: outcome.time)
      if outcome.key == nil { try recorder?.write(tree) }
    case .failure(let error): throw error
    }
    scanGroups()
  }

  /// Has other groups scanned than those that are known: somebody waits for it, so that it may begin
  /// before it is earned.
  private mutating func scanGroups() {
    if isScanning || model.hasEnded || state.groupKey == model.groupKey { return }
    scanner.start(model.request(by: state.groupKey))
    isScanning = true
  }

  // MARK: - Keys

  /// Answers a key; whether it ends the command.
  private mutating func press(_ key: Key, on screen: borrowing Screen) throws(ToolError) -> Bool {
    let rows = TopRows(model, state).rows
    guard let request = state.press(key, rows: rows, page: frame.tableHeight) else { return false }
    switch request {
    case .quit: return true
    case .suspend: try screen.suspend()
    case .open(let opened): panel = text(of: opened)
    case .toggleRecording: toggleRecording()
    case .scan:
      scanGroups()
    }
    return false
  }

  private mutating func toggleRecording() {
    if recorder != nil {
      recorder = nil
      note = nil
      return
    }
    do {
      let started = try TopRecorder()
      recorder = started
      note = "recording to \(started.path)"
    } catch {
      note = "cannot record: \(error.message)"
    }
  }

  // MARK: - The screen

  private var size: (columns: Int, rows: Int) {
    // A terminal that does not tell its size is taken to be the classic one; a file has no end.
    Terminal.size ?? (Terminal.isTerminal ? (80, 24) : (100, .max))
  }

  private var frame: TopPage {
    mutating get {
      let style = Style(isEnabled: Terminal.hasColors)
      let rows = TopRows(model, state).rows
      var frame = TopFrame(
        model: model, state: state, rows: rows, units: units, style: style, width: size.columns,
        height: size.rows, note: note, isInteractive: Terminal.isTerminal)
      if state.panel != nil {
        let count = max(size.rows - 1, 1)
        state.scrollPanel(lines: panel.count, count: count)
        let shown = panel.dropFirst(state.firstPanelLine).prefix(count).map {
          Columns.fitted(styled: $0, size.columns)
        }
        let hint = panel.count > count ? "arrows scroll, " : ""
        let blank = Array(repeating: "", count: max(count - shown.count, 0))
        let end = style.dim(Columns.fitted(" \(hint)any other key goes back", size.columns))
        return TopPage(lines: shown + blank + [end], tableHeight: count)
      }
      if Terminal.isTerminal { state.scroll(rows, count: frame.tableHeight) }
      frame = TopFrame(
        model: model, state: state, rows: rows, units: units, style: style, width: size.columns,
        height: size.rows, note: note, isInteractive: Terminal.isTerminal)
      return TopPage(lines: frame.lines, tableHeight: frame.tableHeight)
    }
  }

  private func text(of panel: TopState.Panel) -> [String] {
    switch panel {
    case .help: return TopHelp(width: size.columns, knowsWriters: model.knowsWriters).lines
    case .map(let pid): return TopPanels.map(pid, columns: size.columns, units: units)
    case .difference:
      return TopPanels.difference(
        from: model.baseline, at: model.baselineMoment, to: model.tree, columns: size.columns,
        units: units)
    }
  }
}

/// What is shown, and how many rows a page of it has.
struct TopPage {
  let lines: [String]
  let tableHeight: Int
}

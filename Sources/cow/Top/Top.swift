internal import ArgumentParser
internal import MemoryAccounting

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// `cow top`: the memory of processes, live.
struct Top: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Watch how much of the memory of processes is copy-on-write, and what is copied.",
    discussion: """
      RES is read on every refresh. The other figures need page tables to be read, which costs the \
      processes time too: a few of them are scanned at a time, in turn, within the duty cycle. \
      COPIED is what parted from the parent process between the last two scans.
      """)

  @OptionGroup var selection: ProcessSelection

  @Option(help: "Seconds between two refreshes.")
  var interval: Double = 2

  @Option(help: "The share of one core that scans may use, in percent.")
  var duty: Double = 5

  @Option(help: "Sort by this figure, largest first.")
  var sort: TopOrder = .cow

  @Option(help: "End after this many refreshes.")
  var count: Int?

  @Option(help: "The unit of amounts.")
  var units: ByteUnit = .auto

  func validate() throws {
    guard interval >= 0.1, interval <= 3600 else {
      throw ValidationError("--interval must be from 0.1 to 3600 seconds")
    }
    guard duty > 0, duty <= 100 else {
      throw ValidationError("--duty must be more than 0 and at most 100 percent")
    }
    if let count, count < 1 { throw ValidationError("--count must be at least 1") }
  }

  func run() throws {
    raiseOpenFileLimit()
    if let signal = try watch() {
      // Whoever started the command is to see that a signal ended it.
      _ = raise(signal)
    }
  }

  /// Shows refreshes until it is told to end; returns the signal that did.
  private func watch() throws(ToolError) -> Int32? {
    var model = TopModel(selection, duty: duty / 100, interval: interval)
    try model.refresh()
    let screen = try Screen.open()
    var order = sort
    var shown = 0
    while true {
      try screen.show(frame(model, order))
      shown += 1
      if shown == count { return nil }
      let due = ContinuousClock.now + .seconds(interval)
      var isDue = false
      while !isDue {
        switch screen.wait(seconds: (due - .now) / .seconds(1)) {
        case .timeout: isDue = true
        case .key(UInt8(ascii: "q")), .key(4): return nil
        case .key(let key):
          guard let chosen = TopOrder(key: key) else { continue }
          order = chosen
          try screen.show(frame(model, order))
        case .signal(SIGWINCH): try screen.show(frame(model, order))
        case .signal(SIGTSTP):
          try screen.suspend()
          try screen.show(frame(model, order))
        case .signal(let signal): return signal
        }
      }
      try model.refresh()
    }
  }

  private func frame(_ model: TopModel, _ order: TopOrder) -> [String] {
    // A terminal that does not tell its size is taken to be the classic one; a file has no end.
    let size = Terminal.size ?? (80, Terminal.isTerminal ? 24 : .max)
    let frame = TopFrame(
      model: model, order: order, units: units, style: Style(isEnabled: Terminal.hasColors),
      duty: duty / 100)
    return frame.lines(columns: size.columns, rows: size.rows)
  }
}

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
      Without a choice of processes, all are shown. Press ? for what the columns mean and for the \
      keys. RES is new on every refresh; the other figures need page tables to be read, as often as \
      --duty allows.

      Where the output is no terminal, one screen is printed after the other.
      """)

  @OptionGroup var selection: ProcessSelection

  @Option(help: "Seconds between two refreshes.")
  var interval: Double = 2

  @Option(help: "The share of one processor that reading page tables may take, in percent.")
  var duty: Double = 5

  @Option(help: "Sort by this column, largest first.")
  var sort: TopColumn = .cow

  @Flag(help: "Show a list, not a tree.")
  var flat = false

  @Option(help: "Put processes together by program name, control group or user.")
  var by: GroupKey?

  @Flag(
    help: """
      Show proportional sizes (PSS), as is done anyhow where it costs the processes nothing: for root.
      """)
  var pss = false

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
    var state = TopState(sort: sort)
    if let by { state.layout = .groups(by) } else if flat { state.layout = .flat }
    let screen = try Screen.open()
    var session = try TopSession(
      selection, state: state, units: units, interval: interval, duty: duty / 100,
      showsProportional: pss)
    let signal =
      screen.isInteractive
      ? try session.watch(on: screen, count: count) : try session.print(on: screen, count: count)
    // Whoever started the command is to see that a signal ended it.
    if let signal { end(by: signal, consume screen) }
  }

  /// Gives the terminal back, and only then ends.
  private func end(by signal: Int32, _ screen: consuming Screen) {
    _ = consume screen
    _ = raise(signal)
  }
}

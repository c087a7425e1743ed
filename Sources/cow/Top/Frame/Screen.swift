internal import SystemPackage

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// The terminal while a program has it for itself: the alternate screen, no cursor, keys at once and
/// unechoed. Put back when the value is destroyed, whichever way that comes.
struct Screen: ~Copyable {
  /// What ended a wait.
  enum Event {
    case keys([UInt8])
    case signal(Int32)
    case scanned
    case timeout
  }

  private let isTerminal: Bool
  /// Whether it is a terminal, and its keys can be read.
  var isInteractive: Bool { isTerminal }

  private let savedModes: termios?
  private let signals: SignalWatch

  /// Takes the terminal.
  static func open() throws(ToolError) -> Screen {
    let signals = try SignalWatch([SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH])
    let screen = Screen(signals)
    try screen.enter()
    return screen
  }

  private init(_ signals: consuming SignalWatch) {
    self.signals = signals
    isTerminal = Terminal.isTerminal
    var modes = termios()
    savedModes =
      unsafe isatty(STDIN_FILENO) == 1 && tcgetattr(STDIN_FILENO, &modes) == 0 ? modes : nil
  }

  deinit { leave() }

  private func enter() throws(ToolError) {
    if var modes = savedModes {
      modes.c_lflag &= ~tcflag_t(ICANON | ECHO)
      unsafe _ = tcsetattr(STDIN_FILENO, TCSANOW, &modes)
    }
    if isTerminal { try StandardOutput.write("\u{1B}[?1049h\u{1B}[?25l") }
  }

  private func leave() {
    // The screen may be gone, and with it the terminal: the modes are put back in any case.
    if isTerminal { try? StandardOutput.write("\u{1B}[?25h\u{1B}[?1049l") }
    if var modes = savedModes { unsafe _ = tcsetattr(STDIN_FILENO, TCSANOW, &modes) }
  }

  /// Shows `lines` in place of what was there; where there is no terminal, after it.
  func show(_ lines: [String]) throws(ToolError) {
    guard isTerminal else {
      try StandardOutput.write(lines.joined(separator: "\n") + "\n\n")
      return
    }
    // Each line erases what is left of the one before: no flicker, as nothing is cleared first.
    try StandardOutput.write(
      "\u{1B}[H" + lines.joined(separator: "\u{1B}[K\r\n") + "\u{1B}[K\u{1B}[J")
  }

  /// Waits for keys, a signal, `scanner` to be readable, or `seconds` to pass.
  func wait(seconds: Double, scanner: Int32?) -> Event {
    var descriptors: InlineArray<3, pollfd> = [
      pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0),
      pollfd(fd: savedModes == nil ? -1 : STDIN_FILENO, events: Int16(POLLIN), revents: 0),
      pollfd(fd: scanner ?? -1, events: Int16(POLLIN), revents: 0),
    ]
    var span = descriptors.mutableSpan
    let ready = unsafe span.withUnsafeMutableBufferPointer { buffer in
      unsafe poll(buffer.baseAddress, 3, Int32((max(seconds, 0) * 1000).rounded(.up)))
    }
    // Interrupted by a signal: it is in the pipe.
    if ready < 0 || descriptors[0].revents != 0 { return .signal(signals.take()) }
    guard ready > 0 else { return .timeout }
    if descriptors[1].revents == 0 { return .scanned }
    var keys = [UInt8](repeating: 0, count: 64)
    let count = unsafe keys.withUnsafeMutableBytes { buffer in
      unsafe read(STDIN_FILENO, buffer.baseAddress, buffer.count)
    }
    // The terminal has hung up if it is readable and has nothing.
    return count > 0 ? .keys(Array(keys.prefix(count))) : .signal(SIGHUP)
  }

  /// Gives the terminal back and stops, as Ctrl-Z asks; goes on when the shell says so.
  func suspend() throws(ToolError) {
    leave()
    _ = raise(SIGSTOP)
    try enter()
  }
}

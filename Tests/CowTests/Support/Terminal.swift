import Foundation
import Testing

/// A terminal (a pseudoterminal) with the tool in it.
final class TestTerminal {
  private let controller: FileHandle
  /// The tool's side, kept open so that its modes can be looked at when the tool has ended.
  private let device: FileHandle
  let process = Process()
  private(set) var shown = ""

  /// Starts the tool in a terminal of `columns` by `rows`; 0 by 0 is one that does not tell its size.
  init(_ arguments: String..., columns: UInt16 = 100, rows: UInt16 = 30) throws {
    let descriptor = posix_openpt(O_RDWR | O_NOCTTY)
    try #require(descriptor >= 0 && grantpt(descriptor) == 0 && unlockpt(descriptor) == 0)
    controller = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    let path = try #require(unsafe ptsname(descriptor).map { unsafe String(cString: $0) })
    let other = open(path, O_RDWR | O_NOCTTY)
    try #require(other >= 0)
    device = FileHandle(fileDescriptor: other, closeOnDealloc: true)
    var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
    try #require(unsafe ioctl(other, UInt(TIOCSWINSZ), &size) == 0)
    process.executableURL = URL(fileURLWithPath: Tool.path)
    process.arguments = arguments
    var environment = ProcessInfo.processInfo.environment
    environment["TERM"] = "xterm-256color"
    environment["NO_COLOR"] = nil
    process.environment = environment
    process.standardInput = device
    process.standardOutput = device
    process.standardError = device
    try process.run()
  }

  deinit {
    if process.isRunning { process.terminate() }
    process.waitUntilExit()
  }

  /// Whether lines are collected and keys echoed, as a shell expects.
  var isCooked: Bool {
    var modes = termios()
    guard unsafe tcgetattr(device.fileDescriptor, &modes) == 0 else { return false }
    let flags = tcflag_t(ICANON | ECHO)
    return modes.c_lflag & flags == flags
  }

  func type(_ text: String) throws {
    try controller.write(contentsOf: Data(text.utf8))
  }

  /// Reads until `text` has been shown once more.
  func waitFor(_ text: String) throws {
    var seen = ""
    while !seen.contains(text) {
      let data = controller.availableData
      try #require(!data.isEmpty, "the terminal was closed before '\(text)'")
      seen += String(decoding: data, as: UTF8.self)
    }
    shown += seen
  }
}

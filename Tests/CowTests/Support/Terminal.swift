import Foundation
import ScenarioSupport
import Testing

/// A terminal (a pseudoterminal) with the tool in it.
final class TestTerminal {
  private let controller: FileHandle
  /// The tool's side, kept open so that its modes can be looked at when the tool has ended.
  private let device: FileHandle
  let process = Process()
  private(set) var shown = ""

  /// TIOCSPTLCK and TIOCGPTN of asm-generic/ioctls.h, macros that Swift cannot see.
  private static let setLock: UInt = 0x4004_5431
  private static let getNumber: UInt = 0x8004_5430

  /// Starts the tool in a terminal of `columns` by `rows`; 0 by 0 is one that does not tell its size.
  init(
    _ arguments: String..., columns: UInt16 = 100, rows: UInt16 = 30, folder: URL? = nil
  ) throws {
    let descriptor = unsafe open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
    try #require(descriptor >= 0)
    controller = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    var unlocked: Int32 = 0
    var number: Int32 = 0
    let unlockResult = unsafe ioctl(descriptor, Self.setLock, &unlocked)
    try #require(unlockResult == 0)
    let askResult = unsafe ioctl(descriptor, Self.getNumber, &number)
    try #require(askResult == 0)
    let other = unsafe open("/dev/pts/\(number)", O_RDWR | O_NOCTTY | O_CLOEXEC)
    try #require(other >= 0)
    device = FileHandle(fileDescriptor: other, closeOnDealloc: true)
    var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
    let resizeResult = unsafe ioctl(other, UInt(TIOCSWINSZ), &size)
    try #require(resizeResult == 0)
    process.executableURL = URL(fileURLWithPath: Tool.path)
    process.arguments = arguments
    if let folder { process.currentDirectoryURL = folder }
    var environment = ProcessInfo.processInfo.environment
    environment["TERM"] = "xterm-256color"
    environment["NO_COLOR"] = nil
    process.environment = environment
    process.standardInput = device
    process.standardOutput = device
    process.standardError = device
    try process.start()
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
    // Decoded as a whole: a character may be cut by the end of a read.
    var seen = Data()
    // What never comes is not to hold everything else up.
    let limit = ContinuousClock.now + .seconds(60)
    while !String(decoding: seen, as: UTF8.self).contains(text) {
      var watched = pollfd(fd: controller.fileDescriptor, events: Int16(POLLIN), revents: 0)
      let ready = unsafe poll(&watched, 1, 60_000)
      let latest = String(decoding: seen.suffix(2000), as: UTF8.self)
      try #require(ready > 0 && ContinuousClock.now < limit, "'\(text)' is not in '\(latest)'")
      let data = controller.availableData
      try #require(!data.isEmpty, "the terminal was closed before '\(text)'")
      seen += data
    }
    shown += String(decoding: seen, as: UTF8.self)
  }
}

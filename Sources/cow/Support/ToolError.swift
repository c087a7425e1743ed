internal import SystemPackage

/// The exit codes that `cow` uses: those of `sysexits.h`, so that a script can tell bad input from
/// a lack of permission.
enum SystemExit: Int32 {
  /// `EX_USAGE`: the command line is wrong.
  case usage = 64
  /// `EX_DATAERR`: an input is not what it should be.
  case dataError = 65
  /// `EX_NOINPUT`: an input does not exist.
  case noInput = 66
  /// `EX_NOUSER`: no such user.
  case noUser = 67
  /// `EX_UNAVAILABLE`: something that the command needs is not offered by this system.
  case unavailable = 69
  /// `EX_SOFTWARE`: a check of our own failed.
  case software = 70
  /// `EX_OSERR`: a system call failed that should not have.
  case osError = 71
  /// `EX_CANTCREAT`: an output file cannot be created.
  case cannotCreate = 73
  /// `EX_IOERR`: reading or writing failed.
  case inputOutput = 74
  /// `EX_NOPERM`: the permission is missing.
  case noPermission = 77
}

/// A failure that the user is told about in one line on standard error.
struct ToolError: Error {
  let exitCode: SystemExit
  let message: String

  init(_ exitCode: SystemExit, _ message: String) {
    self.exitCode = exitCode
    self.message = message
    isReaderGone = false
  }

  /// Whoever read our output has read enough, as `head` does: no failure that anyone wants to hear of.
  static let readerGone = ToolError(isReaderGone: true)

  let isReaderGone: Bool

  private init(isReaderGone: Bool) {
    exitCode = .inputOutput
    message = "the reader of the output has gone"
    self.isReaderGone = isReaderGone
  }

  /// Writes one line to standard error; a line that cannot be written is lost, there is nowhere
  /// else to say so.
  static func report(_ message: String) {
    let line = message.split(separator: "\n").joined(separator: " ")
    _ = try? FileDescriptor.standardError.writeAll("cow: \(line)\n".utf8)
  }
}

internal import ArgumentParser
internal import SystemPackage

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

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

  private let isReaderGone: Bool

  private init(isReaderGone: Bool) {
    exitCode = .inputOutput
    message = "the reader of the output has gone"
    self.isReaderGone = isReaderGone
  }

  /// Ends the process as the error asks: one line on standard error and its exit code.
  ///
  /// Requests for help are not failures and go to standard output, as the argument parser has them.
  static func exit(for error: any Error) -> Never {
    if let error = error as? ToolError {
      if error.isReaderGone { endQuietly() }
      report(error.message)
      terminate(error.exitCode.rawValue)
    }
    let code = Cow.exitCode(for: error)
    if code.isSuccess { Cow.exit(withError: error) }
    let message = Cow.message(for: error)
    if !message.isEmpty { report(message) }
    terminate(code.rawValue)
  }

  /// Writes one line to standard error; a line that cannot be written is lost, there is nowhere
  /// else to say so.
  static func report(_ message: String) {
    let line = message.split(separator: "\n").joined(separator: " ")
    _ = try? FileDescriptor.standardError.writeAll("cow: \(line)\n".utf8)
  }
}

/// Ends as any program does whose reader has gone: by `SIGPIPE`, which was ignored until now.
private func endQuietly() -> Never {
  _ = signal(SIGPIPE, SIG_DFL)
  _ = raise(SIGPIPE)
  terminate(SystemExit.inputOutput.rawValue)
}

/// `exit(3)`, under a name that does not hide behind the member functions called `exit`.
private func terminate(_ code: Int32) -> Never { exit(code) }

internal import ArgumentParser

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

extension Cow {
  /// Runs the command that the arguments name and ends the process with a code of `sysexits.h`.
  static func main() async {
    // A write to a closed pipe must fail where it happens (`EPIPE`), not kill the process before it
    // has restored the terminal or stopped its children.
    _ = signal(SIGPIPE, SIG_IGN)
    do {
      // The arguments come from /proc/self/cmdline; there is always a name at least.
      if CommandLine.arguments.isEmpty {
        throw ToolError(.unavailable, "/proc cannot be read: is it mounted?")
      }
      try refuseUnknownCommand()
      var command = try Cow.parseAsRoot()
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
    } catch {
      exit(for: error)
    }
  }

  /// Says which command was meant; the parser would call it an unexpected argument.
  private static func refuseUnknownCommand() throws(ToolError) {
    guard let typed = CommandLine.arguments.dropFirst().first, !typed.hasPrefix("-") else { return }
    let commands = configuration.subcommands.map { $0._commandName }
    if commands.contains(typed) || typed == "help" { return }
    let hint =
      Suggestion.nearest(to: typed, among: commands)
      .map { "did you mean 'cow \($0)'?" } ?? "the commands are \(commands.joined(separator: ", "))"
    throw ToolError(.usage, "there is no command '\(typed.printable)': \(hint)")
  }

  /// Ends the process as the error asks: one line on standard error and its exit code.
  ///
  /// Requests for help are not failures and go to standard output, as the argument parser has them.
  private static func exit(for error: any Error) -> Never {
    if let error = error as? ToolError {
      if error.isReaderGone { endQuietly() }
      ToolError.report(error.message)
      terminate(error.exitCode.rawValue)
    }
    let code = exitCode(for: error)
    if code.isSuccess { exit(withError: error) }
    let message = message(for: error)
    if !message.isEmpty { ToolError.report(message) }
    terminate(code.rawValue)
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

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
      ToolError.exit(for: error)
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
}

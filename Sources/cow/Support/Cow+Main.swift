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
}

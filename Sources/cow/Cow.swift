internal import ArgumentParser

/// The `cow` command: copy-on-write memory, demonstrated and measured.
@main
struct Cow: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Copy-on-write memory: demonstrate it, check for it, measure it.",
    version: "0.1.0",
    subcommands: [
      Demo.self, Check.self, Stat.self, Top.self, Map.self, Record.self, Diff.self, Stress.self,
    ])
}

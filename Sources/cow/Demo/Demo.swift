internal import ArgumentParser

/// `cow demo`: copy-on-write at work.
struct Demo: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show copy-on-write at work.",
    subcommands: [DemoFork.self])
}

internal import ArgumentParser

/// `cow demo`: copy-on-write at work, that of snapshots unless another is named.
struct Demo: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show copy-on-write at work.",
    discussion: """
      `cow demo [FILE]` is `cow demo snapshot [FILE]`: see its own help for what it does.
      """,
    subcommands: [DemoSnapshot.self],
    defaultSubcommand: DemoSnapshot.self)
}

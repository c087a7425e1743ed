internal import ArgumentParser

/// `cow demo`: copy-on-write at work, that of snapshots unless another is named.
struct Demo: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show copy-on-write at work.",
    discussion: """
      `cow demo [FILE]` is `cow demo snapshot [FILE]`; `cow demo fork` shows what fork() shares.
      See their own help for what they do.
      """,
    subcommands: [DemoSnapshot.self, DemoFork.self],
    defaultSubcommand: DemoSnapshot.self)
}

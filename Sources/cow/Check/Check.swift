internal import ArgumentParser
internal import MemorySnapshots

/// Says what this process may do with userfaultfd.
struct Check: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say whether this kernel and this user can take snapshots, and what to do if not.",
    discussion: """
      Exit code: 0 if regions can be made, 69 if none can.
      """)

  @Flag(name: .long, help: "Print JSON.")
  var json = false

  func run() throws {
    let support = UserfaultSupport()
    let text = json ? try jsonText(support) : support.description
    try StandardOutput.write(text + "\n")
    guard MemoryRegion.Backing.allCases.contains(where: support.supports) else {
      throw ExitCode(SystemExit.unavailable.rawValue)
    }
  }
}

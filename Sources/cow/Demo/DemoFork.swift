internal import ArgumentParser
internal import MemoryAccounting

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// `cow demo fork`: a process forks children that share its memory until they write.
struct DemoFork: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fork",
    abstract: "Fork children, let some write, and show what is shared before and after.",
    discussion: """
      This process allocates memory, writes to it and forks children. RES is what top shows for each \
      of them. Then some of the children write to a part of the memory. The figures are checked \
      against what is known: a child that wrote has copies of just the pages that it wrote to.
      """)

  @Option(help: "The memory to share, in MiB.")
  var megabytes = 10

  @Option(help: "The number of children.")
  var children = 20

  @Option(help: "The part of the memory that children write to, from 0 to 1.")
  var dirty = 0.5

  @Option(help: "How many of the children write.")
  var dirtyChildren = 10

  @Option(help: "The unit of the tables.")
  var units: ByteUnit = .auto

  func validate() throws {
    guard megabytes >= 1, megabytes <= 1 << 20 else {
      throw ValidationError("--megabytes must be from 1 to \(1 << 20)")
    }
    guard children >= 1, children <= 1000 else {
      throw ValidationError("--children must be from 1 to 1000")
    }
    guard dirty >= 0, dirty <= 1 else { throw ValidationError("--dirty must be from 0 to 1") }
    guard dirtyChildren >= 0, dirtyChildren <= children else {
      throw ValidationError("--dirty-children must be from 0 to the number of children")
    }
  }

  func run() throws {
    raiseOpenFileLimit()
    let answer = ForkAnswer(
      pages: megabytes << 20 / Int(sysconf(Int32(_SC_PAGESIZE))), dirty: dirty,
      children: children, dirtyChildren: dirtyChildren)
    var family = try ForkedFamily.allocate(pages: answer.pages)
    for index in 0..<children {
      try family.fork(writes: index < dirtyChildren ? answer.dirtyPages : 0)
    }
    let pids = [getpid()] + family.children

    try heading("\(megabytes) MiB written, then \(children) children forked:")
    try show(pids)
    let before = try check(pids, family, answer, hasWritten: false)
    try StandardOutput.write("\n")

    if answer.dirtyPages > 0 { try family.letWritersWrite(dirtyChildren) }
    let written = units.text(answer.bytes(answer.dirtyPages))
    try heading("\(dirtyChildren) of the children wrote to \(written) each:")
    try show(pids)
    let after = try check(pids, family, answer, hasWritten: true)

    try StandardOutput.write("\nOf the \(megabytes) MiB alone, checked against the known answer:\n")
    try StandardOutput.write((before + after).map { "  \($0)\n" }.joined())
  }

  private func heading(_ text: String) throws(ToolError) {
    try StandardOutput.write(Style(isEnabled: Terminal.hasColors).bold(text) + "\n\n")
  }

  private func show(_ pids: [Int32]) throws(ToolError) {
    let tree = try accounting { () throws(AccountingError) in try ProcessTree(pids: pids) }
    let style = Style(isEnabled: Terminal.hasColors)
    let table = StatTable(tree, order: nil, units: units, style: style)
    try StandardOutput.write(table.text())
  }

  /// Compares the figures of the shared memory alone with the known answer; returns them in words.
  private func check(
    _ pids: [Int32], _ family: borrowing ForkedFamily, _ answer: ForkAnswer, hasWritten: Bool
  ) throws(ToolError) -> [String] {
    var options = AccountingOptions()
    options.addresses = family.addresses
    let tree = try accounting { [options] () throws(AccountingError) in
      try ProcessTree(pids: pids, options: options)
    }
    let comparisons = answer.comparisons(with: tree, hasWritten: hasWritten)
    if let wrong = comparisons.first(where: { !$0.isRight }) {
      throw ToolError(.software, "not the known answer: \(wrong.text(units))")
    }
    return comparisons.filter(\.isShown).map { $0.text(units) }
  }
}

internal import ArgumentParser
internal import MemoryAccounting
internal import SystemPackage

/// `cow map`: the address space of a process as a picture.
struct Map: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Draw the address space of a process, coloured by what would be copied on write.")

  @Argument(help: "The process.")
  var pid: Int32

  @Option(help: "Write the picture to this file, as SVG.", completion: .file(extensions: ["svg"]))
  var svg: String?

  @Option(help: "The unit of amounts.")
  var units: ByteUnit = .auto

  func validate() throws {
    if pid <= 0 { throw ValidationError("\(pid) is not a process number") }
  }

  func run() throws {
    let text = MapText(
      columns: Terminal.size?.columns ?? 80, style: Style(isEnabled: Terminal.hasColors),
      units: units)
    let limit = svg == nil ? text.cellLimit : MapPicture.cellLimit
    let (process, picture) = try Self.picture(of: pid, cells: limit)
    guard let svg else {
      try StandardOutput.write(text.text(process, picture))
      return
    }
    try write(MapPicture(units: units).text(process, picture), to: svg)
  }

  /// Reads a process for a picture of at most so many cells.
  static func picture(
    of pid: Int32, cells: Int
  ) throws(ToolError) -> (ProcessMemory, AddressSpacePicture) {
    var options = AccountingOptions()
    options.pictureCells = cells
    options.includesMappings = true
    let tree = try accounting { [options] () throws(AccountingError) in
      try ProcessTree(pids: [pid], options: options)
    }
    if let obstacle = StatObstacle(tree) { throw obstacle.error }
    guard let process = tree.processes.first, let picture = process.picture,
      !picture.cells.isEmpty
    else {
      throw ToolError(.dataError, "process \(pid) has no memory of its own to draw")
    }
    return (process, picture)
  }

  private func write(_ text: String, to path: String) throws(ToolError) {
    do {
      let file = try FileDescriptor.open(
        FilePath(path), .writeOnly, options: [.create, .truncate, .closeOnExec],
        permissions: [.ownerReadWrite, .groupRead, .otherRead])
      _ = try file.closeAfter { try file.writeAll(text.utf8) }
    } catch {
      throw ToolError(.cannotCreate, "cannot write \(path): \(error)")
    }
  }
}

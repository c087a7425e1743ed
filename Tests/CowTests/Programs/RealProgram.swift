import Foundation
import ScenarioSupport
import Testing

/// A program that runs from copies of its own and its libraries' files.
///
/// Nobody else maps the copies: who shares which page is then the program's own doing, and does not
/// change while other programs come and go.
final class RealProgram {
  let folder: TemporaryFolder
  private let libraries: TemporaryFolder
  private let process = Process()
  private let output = Pipe.forProcess()
  private let endSignal: Int32
  private var seen = Data()
  /// What must not outlive the program.
  private var descendants: Set<Int32> = []

  var pid: Int32 { process.processIdentifier }

  /// Starts `program` as somebody without privilege, in an empty folder of its own. It is made to
  /// end by `endSignal`. `arguments` are made from the folder's path.
  ///
  /// `prepare` is called beforehand with the folder, which belongs to `nobody` by then. `plugIns` are
  /// files that the program loads by itself; it finds copies of them in the folder that is the value
  /// of `plugInVariable`.
  init(
    _ program: String, endSignal: Int32, plugIns: [String] = [], plugInVariable: String = "",
    prepare: (TemporaryFolder) throws -> Void = { _ in },
    arguments: (String) -> [String]
  ) throws {
    folder = try TemporaryFolder()
    libraries = try TemporaryFolder()
    self.endSignal = endSignal
    try #require(unsafe chown(folder.url.path, nobody, nobody) == 0)
    let (loader, copy) = try Self.copy(program, plugIns, to: libraries)
    try prepare(folder)
    process.executableURL = URL(fileURLWithPath: Tool.scenarios)
    process.arguments =
      [
        "as-user", "\(nobody)", loader, "--library-path", libraries.url.path, "--argv0", program,
        copy,
      ]
      + arguments(folder.url.path)
    process.currentDirectoryURL = folder.url
    process.environment = ["PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": folder.url.path]
    if !plugIns.isEmpty { process.environment?[plugInVariable] = libraries.url.path }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = output
    try process.start()
  }

  deinit {
    guard process.isRunning else { return }
    descendants.formUnion(StandingTree.descendants(of: pid))
    // A stopped process would not notice that it is to end.
    for pid in [pid] + descendants { kill(pid, SIGCONT) }
    kill(pid, endSignal)
    process.waitUntilExit()
    for pid in descendants { kill(pid, SIGKILL) }
  }

  /// Copies a program, its libraries and their loader; returns the copies of loader and program.
  private static func copy(
    _ program: String, _ plugIns: [String], to folder: TemporaryFolder
  ) throws -> (loader: String, program: String) {
    let files = try [program] + plugIns + nameServices(of: program)
    let listing = try dependencies(of: files)
    var paths = files
    var loader: String?
    for line in listing.split(separator: "\n") where line.hasPrefix("\t") {
      guard let path = line.split(separator: " ").first(where: { $0.contains("/") }) else {
        continue
      }
      let file = path.trimmingCharacters(in: .whitespaces)
      paths.append(file)
      if file.contains("/ld-") { loader = URL(fileURLWithPath: file).lastPathComponent }
    }
    for path in Set(paths) {
      let file = URL(fileURLWithPath: path)
      try FileManager.default.copyItem(
        at: file.resolvingSymlinksInPath(),
        to: folder.url.appendingPathComponent(file.lastPathComponent))
    }
    let name = try #require(loader, "no loader: \(listing)")
    let inFolder = { (name: String) in folder.url.appendingPathComponent(name).path }
    return (inFolder(name), inFolder(URL(fileURLWithPath: program).lastPathComponent))
  }

  private static func dependencies(of files: [String]) throws -> String {
    try Tool.run(program: "/usr/bin/env", ["ldd"] + files).output
  }

  /// What the C library loads to look users and hosts up; beside the library itself.
  private static func nameServices(of program: String) throws -> [String] {
    let words = try dependencies(of: [program]).split(whereSeparator: \.isWhitespace)
    guard let library = words.first(where: { $0.hasSuffix("/libc.so.6") }) else { return [] }
    let folder = URL(fileURLWithPath: String(library)).deletingLastPathComponent().path
    return try FileManager.default.contentsOfDirectory(atPath: folder)
      .filter { $0.hasPrefix("libnss_") && $0.hasSuffix(".so.2") }.map { folder + "/" + $0 }
  }

  /// Reads what the program prints until `text` has been printed once more.
  func waitFor(_ text: String) throws {
    while true {
      if let range = seen.range(of: Data(text.utf8)) {
        seen.removeSubrange(..<range.upperBound)
        return
      }
      let data = output.fileHandleForReading.availableData
      try #require(
        !data.isEmpty,
        "it ended before it said '\(text)': \(String(decoding: seen, as: UTF8.self))")
      seen += data
    }
  }

  /// Stops the program and all that it has started while `body` looks at them.
  func standingStill<Result>(_ body: ([Int32]) throws -> Result) throws -> Result {
    let tree = try StandingTree(root: pid)
    descendants.formUnion(tree.pids)
    descendants.remove(pid)
    return try body(tree.pids)
  }

  /// The first of `paths` where there is a program.
  static func find(_ paths: String...) -> String? {
    paths.first { unsafe access($0, X_OK) == 0 }
  }
}

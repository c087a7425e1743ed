import Foundation
import ScenarioSupport
import Testing

/// Misuse that the compiler refuses, and uses beside it that it must accept. Each is compiled by itself, against the
/// modules of this build: in a long run.
@Suite(
  "What compiles and what does not",
  .enabled(
    if: ProcessInfo.processInfo.environment["CI"] == "true", "CI=true makes the long runs"))
struct CompileTimeTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var code: String
    /// Part of the compiler's message; nil if it must compile.
    var refusal: String?

    init(_ name: String, _ code: String, _ refusal: String?) {
      testDescription = name
      self.code = code
      self.refusal = refusal
    }
  }

  static let cases = [
    Case("an accessor that is kept", "let kept = heap[a]; print(kept.count)", "cannot be consumed"),
    Case(
      "a span that is used after a write",
      "let span = heap.span(of: a); try heap[a].append(1); print(span.count)",
      "overlapping accesses"),
    Case(
      "a reader that outlives its snapshot",
      """
      var kept: RegionArray<Int>.Reader
      do { let past = try heap.makeSnapshot(); kept = past[a] }
      print(kept.count)
      """, "escapes its scope"),
    Case(
      "a heap that is copied", "let copy = heap; print(heap[a].count, copy[a].count)", "consume"),
    Case(
      "a write to a snapshot", "let past = try heap.makeSnapshot(); past[a][0] = 5",
      "cannot assign through subscript"),
    Case(
      "a table used as an array", "let t = try heap.table(named: \"t\"); print(heap[t][0])",
      "cannot convert value of type 'RegionTable'"),
    Case(
      "a string in an element", "struct Name: BitwiseCopyable { var text: String }",
      "non-bitwise-copyable"),
    Case("an element that comes from the heap", "try heap[a].append(heap[a][0])", nil),
    Case(
      "a reader and a span that are kept while their snapshot lives",
      """
      let past = try heap.makeSnapshot()
      let reader = past[a]
      let span = reader.span
      try heap[a].append(1)
      print(reader.count, span.count)
      """, nil),
    Case(
      "a snapshot that nothing else holds", "print(try heap.makeSnapshot()[a].count)", nil),
  ]

  @Test("The compiler refuses misuse, and accepts what is right", arguments: cases)
  func compile(case: Case) throws {
    let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let modules = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
      .deletingLastPathComponent().appendingPathComponent("Modules")
    let maps = [
      ".build/checkouts/swift-system/Sources/CSystem/include/module.modulemap",
      "CSupport/CUserfault/include/module.modulemap",
    ].map { package.appendingPathComponent($0).path }
    for path in maps + [modules.path] where !FileManager.default.isReadableFile(atPath: path) {
      try Test.cancel("\(path) cannot be read: this is not the folder of the build")
    }
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("compile-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(at: folder) }
    let source = folder.appendingPathComponent("case.swift")
    try """
    import RegionCollections
    func run() throws {
      var heap = try RegionHeap(byteCount: 1 << 20)
      let a = try heap.array(of: Int.self, named: "a")
      \(`case`.code)
    }
    """.write(to: source, atomically: true, encoding: .utf8)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments =
      ["swiftc", "-c", "-swift-version", "6", "-module-name", "Case", "-I", modules.path]
      + maps.flatMap { ["-Xcc", "-fmodule-map-file=\($0)"] }
      + [source.path, "-o", folder.appendingPathComponent("case.o").path]
    let output = Pipe.forProcess()
    process.standardOutput = output
    process.standardError = output
    try process.start()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    if let refusal = `case`.refusal {
      #expect(process.terminationStatus == 1 && text.contains(refusal), "\(text)")
    } else {
      #expect(process.terminationStatus == 0, "\(text)")
    }
  }
}

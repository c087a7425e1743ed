import Foundation

/// Draws a record's charts by gnuplot.
struct Plotter {
  private let executable: URL

  /// The gnuplot of the search path, if there is one.
  static func find() -> Plotter? {
    let folders = ProcessInfo.processInfo.environment["PATH"]?.split(separator: ":") ?? []
    return folders.lazy
      .map { URL(filePath: "\($0)/gnuplot") }
      .first { FileManager.default.isExecutableFile(atPath: $0.path()) }
      .map(Plotter.init)
  }

  /// Writes a PNG file for each chart that the record has data for.
  func draw(_ record: Record, in folder: String) throws {
    let folder = URL(filePath: folder, directoryHint: .isDirectory)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    for chart in Chart.all(record) {
      let output = folder.appending(path: "\(chart.name).png")
      try run(chart.script(output: output.path(percentEncoded: false), machine: record.machine))
      print("drawn: \(output.path(percentEncoded: false))")
    }
  }

  private func run(_ script: String) throws {
    let process = Process()
    let input = Pipe()
    process.executableURL = executable
    process.standardInput = input
    try process.run()
    try input.fileHandleForWriting.write(contentsOf: Data(script.utf8))
    try input.fileHandleForWriting.close()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw PeerError(description: "gnuplot failed with \(process.terminationStatus)")
    }
  }
}

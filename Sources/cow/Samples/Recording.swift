internal import Foundation
internal import SystemPackage

/// A file of samples: the lines of `cow record`, or one document of `cow stat --json`.
struct Recording {
  /// Which sample of a recording is meant.
  enum Choice {
    case first, last
    /// The latest sample that is no later than this many seconds after the first.
    case after(seconds: Double)
  }

  let path: String
  /// Whether the last line is not whole, as after a crash or while it is being written.
  let isCutOff: Bool

  private let text: Data
  /// Where each sample is in the text.
  private let ranges: [Range<Int>]

  /// - Throws: `ToolError`: `EX_NOINPUT` if it cannot be read, `EX_DATAERR` if it holds no samples.
  init(_ path: String) throws(ToolError) {
    self.path = path
    text = try Self.contents(path)
    // A document goes over many lines, of which the first is its opening brace alone.
    let firstLine = text.prefix { $0 != UInt8(ascii: "\n") }
    if firstLine.allSatisfy({ UInt8(ascii: "{") == $0 || $0 == UInt8(ascii: " ") }) {
      ranges = text.isEmpty ? [] : [text.startIndex..<text.endIndex]
      isCutOff = false
    } else {
      var ranges = text.split(separator: UInt8(ascii: "\n")).map { $0.startIndex..<$0.endIndex }
      let isWhole = text.last == UInt8(ascii: "\n") || ranges.count == 1
      if !isWhole { ranges.removeLast() }
      isCutOff = !isWhole
      self.ranges = ranges
    }
    if ranges.isEmpty { throw ToolError(.dataError, "\(path) holds no samples") }
  }

  var count: Int { ranges.count }

  /// Reads the chosen sample, and of the others as few as a binary search looks at.
  func sample(_ choice: Choice) throws(ToolError) -> SavedSample {
    switch choice {
    case .first: return try decode(0)
    case .last: return try decode(ranges.count - 1)
    case .after(let seconds):
      let start = try decode(0, as: SavedMoment.self).uptimeSeconds
      var low = 0
      var high = ranges.count
      while high - low > 1 {
        let middle = low + (high - low) / 2
        let time = try decode(middle, as: SavedMoment.self).uptimeSeconds
        if time - start <= seconds { low = middle } else { high = middle }
      }
      return try decode(low)
    }
  }

  private func decode(_ index: Int) throws(ToolError) -> SavedSample {
    try decode(index, as: SavedSample.self)
  }

  private func decode<Value: Decodable>(
    _ index: Int, as type: Value.Type
  ) throws(ToolError) -> Value {
    let decoder = JSONDecoder()
    let sample = text[ranges[index]]
    let place = ranges.count == 1 ? path : "line \(index + 1) of \(path)"
    // The version first: what a newer one means by the rest is not known.
    guard let version = try? decoder.decode(VersionOnly.self, from: sample).version else {
      throw ToolError(.dataError, "\(place) is no sample of 'cow record' or 'cow stat --json'")
    }
    guard version == StatDocument.version else {
      throw ToolError(
        .dataError,
        "\(place) is of version \(version), and this cow reads version \(StatDocument.version)")
    }
    do {
      return try decoder.decode(type, from: sample)
    } catch {
      throw ToolError(.dataError, "\(place) is damaged: \(Self.reason(error))")
    }
  }

  private struct VersionOnly: Decodable {
    let version: Int
  }

  private static func reason(_ error: any Error) -> String {
    guard let error = error as? DecodingError else { return "\(error)" }
    let context: DecodingError.Context
    switch error {
    case .keyNotFound(let key, _): return "\(key.stringValue) is missing"
    case .typeMismatch(_, let found), .valueNotFound(_, let found), .dataCorrupted(let found):
      context = found
    @unknown default: return "it is no JSON of a sample"
    }
    let path = context.codingPath.map(\.stringValue).joined(separator: ".")
    return path.isEmpty ? "it is no JSON" : "\(path) is not what it should be"
  }

  /// All of a file; a pipe will do, as a shell's `<(cow stat --json …)` gives.
  private static func contents(_ path: String) throws(ToolError) -> Data {
    do {
      let file = try FileDescriptor.open(FilePath(path), .readOnly, options: .closeOnExec)
      return try file.closeAfter {
        var contents = Data()
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
          let count = try unsafe buffer.withUnsafeMutableBytes { try unsafe file.read(into: $0) }
          if count == 0 { return contents }
          contents.append(contentsOf: buffer[..<count])
        }
      }
    } catch {
      throw ToolError(.noInput, "cannot read \(path): \(error)")
    }
  }
}

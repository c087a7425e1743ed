internal import Foundation
internal import SystemPackage

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// The file of a recording, to which samples are added.
struct RecordingFile: ~Copyable {
  private let file: FileDescriptor
  private let path: String

  /// Opens a recording to go on with it, or makes it. A line that was left unfinished when a recording
  /// was cut off is removed.
  ///
  /// - Throws: `ToolError`: `EX_CANTCREAT` if the file cannot be written; `EX_DATAERR` if it is there
  ///   and holds something else.
  static func open(_ path: String) throws(ToolError) -> RecordingFile {
    let recording: RecordingFile
    do {
      let file = try FileDescriptor.open(
        FilePath(path), .readWrite, options: [.create, .append, .closeOnExec],
        permissions: [.ownerReadWrite])
      recording = RecordingFile(file, path)
    } catch {
      throw ToolError(.cannotCreate, "cannot write \(path): \(error)")
    }
    do {
      try recording.continueAfterLastLine()
    } catch let error as ToolError {
      throw error
    } catch {
      throw ToolError(.cannotCreate, "cannot go on with \(path): \(error)")
    }
    return recording
  }

  private init(_ file: FileDescriptor, _ path: String) {
    self.file = file
    self.path = path
  }

  deinit { try? file.close() }

  /// Adds one line, whole: it goes to the file in one call.
  func write(_ line: String) throws(ToolError) {
    do {
      _ = try file.writeAll(line.utf8)
    } catch {
      throw ToolError(.inputOutput, "cannot write \(path): \(error)")
    }
  }

  private func continueAfterLastLine() throws {
    var status = stat()
    guard unsafe fstat(file.rawValue, &status) == 0 else { throw Errno(rawValue: errno) }
    // A pipe or a device is written to as it is.
    guard status.st_mode & S_IFMT == S_IFREG, status.st_size > 0 else { return }
    let head = try bytes(in: 0..<min(Int64(status.st_size), 64))
    guard head.first == UInt8(ascii: "{") else {
      throw ToolError(.dataError, "\(path) is there already and is no recording")
    }
    var end = Int64(status.st_size)
    while end > 0 {
      let start = max(end - 65_536, 0)
      let part = try bytes(in: start..<end)
      if let newline = part.lastIndex(of: UInt8(ascii: "\n")) {
        end = start + Int64(newline) + 1
        break
      }
      end = start
    }
    guard end < Int64(status.st_size) else { return }
    guard ftruncate(file.rawValue, off_t(end)) == 0 else { throw Errno(rawValue: errno) }
  }

  private func bytes(in range: Range<Int64>) throws -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: range.count)
    let count = try unsafe buffer.withUnsafeMutableBytes { buffer in
      try unsafe file.read(fromAbsoluteOffset: range.lowerBound, into: buffer)
    }
    return Array(buffer.prefix(count))
  }
}

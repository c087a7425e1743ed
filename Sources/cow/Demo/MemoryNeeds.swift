internal import SystemPackage

/// Whether the demo's memory is to be had, asked before it is used: the kernel would not refuse it
/// but end the process.
enum MemoryNeeds {
  /// The region, its pre-images of the first snapshot and of those under way, and room to breathe.
  private static var copiesOfFile: Int { 4 }
  /// The region, as much ordinary memory or the plain handler's, and the pre-images.
  private static var copiesOfMeasured: Int { 3 }

  /// - Throws: `ToolError` with `EX_OSERR`.
  static func check(fileBytes: Int, measuredBytes: Int) throws(ToolError) {
    guard let available = availableBytes else { return }
    guard fileBytes <= available / copiesOfFile else {
      throw ToolError(
        .osError,
        "the file has \(text(fileBytes)), and the demo needs \(copiesOfFile) times as much memory; "
          + "\(text(available)) are available")
    }
    guard measuredBytes <= available / copiesOfMeasured else {
      throw ToolError(
        .osError,
        "--megabytes \(measuredBytes >> 20) needs \(copiesOfMeasured) times as much memory; "
          + "\(text(available)) are available")
    }
  }

  private static func text(_ bytes: Int) -> String { ByteUnit.auto.text(UInt64(bytes)) }

  /// Memory that can be had without swapping, within the control group's limit.
  private static var availableBytes: Int? {
    guard let meminfo = readText("/proc/meminfo"),
      let kilobytes = meminfo.split(separator: "\n").first(where: { $0.hasPrefix("MemAvailable:") })
        .flatMap({ Int($0.dropFirst(13).split(separator: " ").first ?? "") })
    else { return nil }
    let limit = readText("/sys/fs/cgroup/memory.max").flatMap { Int($0.filter(\.isNumber)) }
    return min(kilobytes << 10, limit ?? .max)
  }
}

/// A short text of the kernel's, `nil` if it cannot be read.
func readText(_ path: String) -> String? {
  guard let file = try? FileDescriptor.open(FilePath(path), .readOnly, options: .closeOnExec)
  else { return nil }
  defer { try? file.close() }
  var bytes = [UInt8](repeating: 0, count: 16 << 10)
  guard let count = unsafe try? bytes.withUnsafeMutableBytes({ unsafe try file.read(into: $0) })
  else {
    return nil
  }
  return String(decoding: bytes[..<count], as: UTF8.self)
}

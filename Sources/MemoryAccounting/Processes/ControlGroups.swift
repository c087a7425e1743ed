/// The text of a /proc/PID/cgroup.
enum ControlGroups {
  /// The path that says most of where the process belongs to; `nil` if there is none.
  static func path(_ text: [UInt8]) -> String? {
    var unified: String?
    var memory: String?
    var other: String?
    for line in text.split(separator: UInt8(ascii: "\n")) {
      // hierarchy:controllers:path, and the path may hold colons.
      let parts = line.split(
        separator: UInt8(ascii: ":"), maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { continue }
      let path = String(decoding: parts[2], as: UTF8.self)
      let controllers = parts[1].split(separator: UInt8(ascii: ","))
      if parts[1].isEmpty {
        unified = path
      } else if controllers.contains(where: { $0.elementsEqual("memory".utf8) }) {
        memory = path
      } else if other == nil || other == "/" {
        other = path
      }
    }
    let paths = [unified, memory, other].compactMap { $0 }
    return paths.first { $0 != "/" } ?? paths.first
  }
}

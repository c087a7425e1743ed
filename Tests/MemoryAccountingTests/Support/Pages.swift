import Foundation
import MemoryAccounting
import ScenarioSupport

let pageSize = UInt64(sysconf(Int32(_SC_PAGESIZE)))

/// Whether the kernel shows this process page frames, as the exact figures need.
let seesFrames: Bool = {
  guard let tree = try? ProcessTree(pids: [getpid()]) else { return false }
  return tree.total.distinct.exactness == .exact
}()

extension MemoryFigure {
  /// The figure in pages; `nil` if it is denied.
  var pages: UInt64? { bytes.map { $0 / pageSize } }
}

extension Scenario {
  /// The processes of the scenario, of which only its own memory is counted.
  func tree() throws -> ProcessTree {
    var options = AccountingOptions()
    options.addresses = range
    return try ProcessTree(root: root, options: options)
  }
}

extension ProcessTree {
  subscript(pid: Int32) -> ProcessMemory? { processes.first { $0.id == pid } }
}

/// The figures of a breakdown that are not zero, in pages.
func pages(_ memory: MemoryBreakdown?) -> [String: UInt64] {
  guard let memory else { return [:] }
  let figures: [(String, MemoryFigure)] = [
    ("resident", memory.resident), ("hugetlb", memory.hugetlb), ("copyOnWrite", memory.copyOnWrite),
    ("sharedAnonymous", memory.sharedAnonymous), ("unwrittenFile", memory.unwrittenFile),
    ("zero", memory.zero), ("merged", memory.merged),
    ("userfaultProtected", memory.userfaultProtected), ("private", memory.private),
    ("shared", memory.shared), ("sharedReadOnly", memory.sharedReadOnly),
    ("swapped", memory.swapped), ("swappedShared", memory.swappedShared),
  ]
  var pages: [String: UInt64] = [:]
  for (name, figure) in figures where figure.pages != 0 { pages[name] = figure.pages ?? .max }
  return pages
}

/// The amounts of /proc/PID/smaps_rollup in bytes, by name.
func smapsRollup(_ pid: Int32) -> [String: UInt64] {
  amounts(in: (try? String(contentsOfFile: "/proc/\(pid)/smaps_rollup", encoding: .utf8)) ?? "")
}

/// The amounts of /proc/PID/smaps of the mappings that lie in `range`, added up, in bytes, by name.
func smaps(_ pid: Int32, in range: Range<UInt64>) -> [String: UInt64] {
  // A file handle reads until the end, where a file's content is read no further than its first part.
  let file = FileHandle(forReadingAtPath: "/proc/\(pid)/smaps")
  let text = String(decoding: (try? file?.readToEnd()) ?? Data(), as: UTF8.self)
  var isInRange = false
  var lines: [Substring] = []
  for line in text.split(separator: "\n") {
    if let first = line.first, first.isHexDigit, !first.isUppercase {
      isInRange = UInt64(line.prefix { $0 != "-" }, radix: 16).map(range.contains) ?? false
    } else if isInRange {
      lines.append(line)
    }
  }
  return amounts(in: lines.joined(separator: "\n"))
}

private func amounts(in text: String) -> [String: UInt64] {
  var amounts: [String: UInt64] = [:]
  for line in text.split(separator: "\n") {
    let words = line.split(separator: " ")
    guard words.count == 3, words[2] == "kB", let number = UInt64(words[1]) else { continue }
    amounts[String(words[0].dropLast()), default: 0] += number << 10
  }
  return amounts
}

import CPeers
import Foundation

/// The machine that the figures are from, without which they say nothing.
struct Machine: Codable, Sendable {
  var processor: String
  var processors: Int
  var memoryGiB: Double
  var kernel: String
  var isVirtual: Bool
  var transparentHugePages: String
  var pageSize: Int
  var compiler: String
  var date: String

  /// What this process runs on.
  static func current() -> Machine {
    var name = utsname()
    uname(&name)
    let processorInformation = contents(of: "/proc/cpuinfo")
    return Machine(
      processor: field("model name", of: processorInformation) ?? "unknown",
      processors: Int(cpeers_processor_count()),
      memoryGiB: (Double(ProcessInfo.processInfo.physicalMemory) / 0x1p30 * 10).rounded() / 10,
      kernel: withUnsafeBytes(of: &name.release) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      },
      isVirtual: processorInformation.contains(" hypervisor"),
      transparentHugePages: contents(of: "/sys/kernel/mm/transparent_hugepage/enabled")
        .trimmingCharacters(in: .whitespacesAndNewlines),
      pageSize: cpeers_page_size(),
      compiler: String(cString: cpeers_compiler()).trimmingCharacters(in: .whitespaces),
      date: Date().formatted(.iso8601))
  }

  /// One line for tables and charts.
  var summary: String {
    """
    \(processors) × \(processor)\(isVirtual ? " (virtual machine)" : ""), \
    \(memoryGiB.formatted()) GiB, Linux \(kernel)
    """
  }

  private static func contents(of path: String) -> String {
    (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
  }

  private static func field(_ name: String, of text: String) -> String? {
    text.split(separator: "\n").first { $0.hasPrefix(name) }?
      .split(separator: ":").last?
      .trimmingCharacters(in: .whitespaces)
  }
}

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
    ("resident", memory.resident), ("copyOnWrite", memory.copyOnWrite),
    ("sharedAnonymous", memory.sharedAnonymous), ("unwrittenFile", memory.unwrittenFile),
    ("zero", memory.zero), ("merged", memory.merged),
    ("userfaultProtected", memory.userfaultProtected), ("private", memory.private),
    ("shared", memory.shared), ("sharedReadOnly", memory.sharedReadOnly),
    ("swapped", memory.swapped),
  ]
  var pages: [String: UInt64] = [:]
  for (name, figure) in figures where figure.pages != 0 { pages[name] = figure.pages ?? .max }
  return pages
}

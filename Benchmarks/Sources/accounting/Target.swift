internal import CAccountingTargets
internal import Foundation

/// A process that is there to be read.
struct Target {
  private var target = caccounting_target()

  var pid: Int32 { target.pid }

  static func tree(
    bytes: UInt64, huge: Bool = false, children: Int32 = 0, dirtyChildren: Int32 = 0,
    user: uid_t = 0
  ) throws -> Target {
    var target = Target()
    try check(
      caccounting_start_tree(
        bytes, huge ? 1 : 0, children, dirtyChildren, user, &target.target))
    return target
  }

  static func busy(bytes: UInt64) throws -> Target {
    var target = Target()
    try check(caccounting_start_busy(bytes, &target.target))
    return target
  }

  mutating func stop() { caccounting_stop(&target) }

  /// The mean time of the busy process's operations that end during `body`.
  func meanNanoseconds(_ body: () throws -> Void) rethrows -> Double {
    let before = counts()
    try body()
    let after = counts()
    return Double(after.nanoseconds - before.nanoseconds)
      / Double(max(after.operations - before.operations, 1))
  }

  /// The time of the busy process's longest operation that ends during `body`.
  func worstNanoseconds(_ body: () throws -> Void) rethrows -> Double {
    _ = withUnsafePointer(to: target) { caccounting_take_worst($0) }
    try body()
    return Double(withUnsafePointer(to: target) { caccounting_take_worst($0) })
  }

  private func counts() -> (operations: UInt64, nanoseconds: UInt64) {
    var operations: UInt64 = 0
    var nanoseconds: UInt64 = 0
    withUnsafePointer(to: target) { caccounting_counts($0, &operations, &nanoseconds) }
    return (operations, nanoseconds)
  }
}

/// What is switched on around a run: what an administrator, a service manager or another library may
/// do to a process.
package enum StressSurroundings: String, CaseIterable, Sendable, Codable {
  /// Nothing.
  case plain
  /// Samepage merging of the whole process (ksm.rst), as fast as it goes.
  case merging
  /// mlockall(2) of what is mapped and what will be.
  case locked
  /// Writers under SCHED_FIFO, on the processors that all other threads share.
  case realTime = "real-time"
  /// Transparent huge pages wherever they are possible, shared memory included.
  case hugePages = "huge-pages"
  /// A swap file, and pages sent there all the time.
  case swap
}

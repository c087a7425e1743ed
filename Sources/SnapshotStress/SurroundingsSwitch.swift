internal import CUserfault
internal import Foundation

/// Surroundings while they are switched on.
final class SurroundingsSwitch {
  private let surroundings: StressSurroundings
  private var host: HostSettings?

  private static let merging = "/sys/kernel/mm/ksm/"
  private static let hugePages = "/sys/kernel/mm/transparent_hugepage/"
  private static var swapBytes: Int { 256 << 20 }

  /// - Throws: `StressRefusal` where privilege, or the kernel's part in it, is missing. Nothing is
  ///   changed then.
  init(_ surroundings: StressSurroundings) throws {
    self.surroundings = surroundings
    do {
      try switchOn()
    } catch {
      host?.putBack()
      throw error
    }
  }

  func switchOff() {
    switch surroundings {
    case .merging: _ = cuserfault_merge_all_memory(false)
    case .locked: _ = cuserfault_lock_all_memory(false)
    case .plain, .realTime, .hugePages, .swap: break
    }
    host?.putBack()
  }

  private func switchOn() throws {
    switch surroundings {
    case .plain: break
    case .merging: try switchMergingOn()
    case .locked:
      try Self.check(cuserfault_lock_all_memory(true), "lock all memory", "raise RLIMIT_MEMLOCK")
    case .realTime: try Self.checkRealTime()
    case .hugePages:
      try change([
        HostSetting(Self.hugePages + "enabled", "always"),
        HostSetting(Self.hugePages + "shmem_enabled", "always"),
        HostSetting(Self.hugePages + "khugepaged/scan_sleep_millisecs", "10"),
      ])
    case .swap: try switchSwapOn()
    }
  }

  private func change(_ settings: [HostSetting], first: [String] = []) throws {
    host = try HostSettings(puttingBackBy: first + settings.map(\.puttingBack))
    for setting in settings { try setting.change() }
  }

  private func switchMergingOn() throws {
    // Unmerging first: merged pages are forgotten only when they are scanned.
    try change(
      [
        HostSetting(Self.merging + "pages_to_scan", "20000"),
        HostSetting(Self.merging + "sleep_millisecs", "1"),
        HostSetting(Self.merging + "run", "1"),
      ], first: ["echo 2 > \(Self.merging)run"])
    try Self.check(cuserfault_merge_all_memory(true), "merge all memory", "it needs Linux 6.4")
  }

  private func switchSwapOn() throws {
    let path =
      FileManager.default.temporaryDirectory
      .appendingPathComponent("snapshot-stress-\(getpid()).swap").path
    host = try HostSettings(puttingBackBy: ["swapoff '\(path)'", "rm -f '\(path)'"])
    guard
      FileManager.default.createFile(
        atPath: path, contents: nil, attributes: [.posixPermissions: 0o600])
    else { throw StressRefusal(.notPermitted, "no swap file can be made at \(path)") }
    let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    let block = Data(repeating: 0, count: 1 << 20)
    for _ in 0..<Self.swapBytes >> 20 { try file.write(contentsOf: block) }
    try file.close()
    let program = Process()
    program.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    program.arguments = ["PATH=/usr/sbin:/sbin:/usr/bin:/bin", "mkswap", path]
    program.standardOutput = FileHandle.nullDevice
    program.standardError = FileHandle.nullDevice
    try program.run()
    program.waitUntilExit()
    guard program.terminationStatus == 0 else {
      throw StressRefusal(.notOffered, "mkswap(8) does not make a swap file of \(path)")
    }
    try Self.check(
      unsafe cuserfault_swap_on(path), "swap to a file",
      "set TMPDIR to a folder of a file system that can hold one")
  }

  /// Tried by a thread that ends at once.
  private static func checkRealTime() throws {
    let status = UnsafeMutablePointer<Int32>.allocate(capacity: 1)
    defer { unsafe status.deallocate() }
    unsafe status.initialize(to: 0)
    nonisolated(unsafe) let result = unsafe status
    let done = DispatchSemaphore(value: 0)
    Thread {
      unsafe result.pointee = cuserfault_become_real_time()
      done.signal()
    }.start()
    done.wait()
    try check(unsafe status.pointee, "run under SCHED_FIFO", "raise RLIMIT_RTPRIO")
  }

  private static func check(_ status: Int32, _ what: String, _ advice: String) throws {
    switch -status {
    case 0: return
    case EPERM, EACCES, ENOMEM:
      throw StressRefusal(
        .notPermitted, "this process may not \(what); run this as root, or \(advice)")
    default:
      let reason = unsafe String(cString: strerror(-status))
      throw StressRefusal(.notOffered, "this system does not \(what) (\(reason)); \(advice)")
    }
  }
}

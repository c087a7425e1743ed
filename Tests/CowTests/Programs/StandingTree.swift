import Foundation
import Testing

/// A process and all that descends from it, stopped for as long as the value lives.
final class StandingTree {
  let pids: [Int32]

  /// Stops the processes, parents first, until none is left that was not stopped.
  init(root: Int32) throws {
    var stopped: [Int32] = []
    while true {
      let found = [root] + Self.descendants(of: root)
      let running = found.filter { !stopped.contains($0) }
      if running.isEmpty { break }
      for pid in running {
        try #require(kill(pid, SIGSTOP) == 0)
        try Self.waitUntilStopped(pid)
      }
      stopped += running
    }
    pids = stopped
  }

  deinit {
    for pid in pids { kill(pid, SIGCONT) }
  }

  /// All that descends from a process, parents before their children.
  static func descendants(of root: Int32) -> [Int32] {
    var found = [root]
    var next = 0
    while next < found.count {
      for task in tasks(of: found[next]) {
        let list = try? String(contentsOfFile: task + "/children", encoding: .utf8)
        found += (list ?? "").split(separator: " ").compactMap { Int32($0) }
      }
      next += 1
    }
    return Array(found.dropFirst())
  }

  private static func tasks(of pid: Int32) -> [String] {
    let folder = "/proc/\(pid)/task"
    let names = try? FileManager.default.contentsOfDirectory(atPath: folder)
    return (names ?? []).map { folder + "/" + $0 }
  }

  /// A thread stops when it next leaves the kernel; its state says so.
  private static func waitUntilStopped(_ pid: Int32) throws {
    for task in tasks(of: pid) {
      while let text = try? String(contentsOfFile: task + "/stat", encoding: .utf8) {
        let state = text.split(separator: ")").last?.split(separator: " ").first
        if state == "T" { break }
        try #require(state != "Z" && state != "X", "process \(pid) ended")
        sched_yield()
      }
    }
  }
}

import Foundation
@testable import MemorySnapshots
import ScenarioSupport
import SnapshotStress
import Testing

@Suite(
  "Memory control groups", .serialized, .timeLimit(.minutes(runsLongTests ? 10 : 5)))
struct ControlGroupTests {
  /// Folders that look like mounted control groups.
  private struct Imitation {
    let folder: URL
    private let version: Int
    private let root: String

    init(version: Int, root: String = "/", point: String = "groups") throws {
      folder = FileManager.default.temporaryDirectory.appendingPathComponent(
        "groups-\(UUID().uuidString)/\(point)")
      self.version = version
      self.root = root
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    func remove() {
      try? FileManager.default.removeItem(at: folder.deletingLastPathComponent())
    }

    func set(_ group: String, _ files: [String: String]) throws {
      let group = folder.appendingPathComponent(group)
      try FileManager.default.createDirectory(at: group, withIntermediateDirectories: true)
      for (name, text) in files {
        try Data(text.utf8).write(to: group.appendingPathComponent(name))
      }
    }

    func room(of group: String) throws -> MemoryControlGroups.Room {
      let membership = folder.deletingLastPathComponent().appendingPathComponent("membership")
      let lines =
        version == 1
        ? "9:cpu,cpuacct:/elsewhere\n4:hugetlb,memory:\(group)\n0::/unified\n"
        : "12:name=systemd:/elsewhere\n0::\(group)\n"
      try Data(lines.utf8).write(to: membership)
      let point = folder.path.replacingOccurrences(of: " ", with: "\\040")
      let kind = version == 1 ? "cgroup cgroup rw,hugetlb,memory" : "cgroup2 cgroup2 rw"
      let mounts = """
        22 1 8:1 / / rw - ext4 /dev/sda1 rw
        30 22 0:27 / /sys/fs/cgroup/cpu rw shared:9 - cgroup cgroup rw,cpu,cpuacct
        31 22 0:28 \(root) \(point) rw,nosuid shared:10 master:1 - \(kind)
        """
      return try MemoryControlGroups(
        membership: membership.path, mounts: mounts, freeSwapBytes: ControlGroupTests.swap
      ).room()
    }
  }

  private static let mebi = 1 << 20
  private static let swap = 100 << 20
  /// What is left of it to others, and to pages that are under way, does not count.
  private static let usableSwap = 34 << 20

  @Test("Without a limit there is room: no group, no file, \"max\", or the largest number")
  func unlimited() throws {
    let two = try Imitation(version: 2)
    defer { two.remove() }
    #expect(try two.room(of: "/") == .unlimited)
    #expect(try two.room(of: "/gone/away (deleted)") == .unlimited)
    try two.set("a", ["memory.max": "max\n", "memory.high": "max\n", "memory.current": "4096\n"])
    #expect(try two.room(of: "/a") == .unlimited)
    let one = try Imitation(version: 1)
    defer { one.remove() }
    try one.set(
      "a", ["memory.limit_in_bytes": "9223372036854771712\n", "memory.usage_in_bytes": "1\n"])
    #expect(try one.room(of: "/a") == .unlimited)
    let none = try MemoryControlGroups(membership: "/nonexistent", mounts: "").room()
    #expect(none == .unlimited)
  }

  @Test("The nearest limit counts, be it of a group further up, memory.high, or of swap space")
  func versionTwo() throws {
    let groups = try Imitation(version: 2, point: "two words")
    defer { groups.remove() }
    let mebi = ControlGroupTests.mebi
    let statistics = "anon 1\nfile 9\ninactive_anon 7\ninactive_file \(mebi)\nactive_file \(mebi)\n"
    try groups.set(
      "a",
      [
        "memory.max": "\(64 * mebi)\n", "memory.high": "max\n", "memory.current": "\(40 * mebi)\n",
        "memory.swap.max": "0\n", "memory.swap.current": "0\n", "memory.stat": statistics,
      ])
    // Two MiB of files can be taken back, a thirty-second of the limit is left alone.
    #expect(try groups.room(of: "/a") == .bytes(24 * mebi))
    #expect(try groups.room(of: "/a/b/c") == .bytes(24 * mebi))
    try groups.set(
      "a/b",
      [
        "memory.max": "max\n", "memory.high": "\(32 * mebi)\n", "memory.current": "\(mebi)\n",
        "memory.swap.max": "0\n",
      ])
    #expect(try groups.room(of: "/a/b/c") == .bytes(24 * mebi))
    try groups.set("a/b", ["memory.current": "\(30 * mebi)\n"])
    #expect(try groups.room(of: "/a/b/c") == .bytes(mebi))
    try groups.set("a/b", ["memory.current": "\(33 * mebi)\n"])
    #expect(try groups.room(of: "/a/b/c") == .bytes(-2 * mebi))
    #expect(try groups.room(of: "/a/bc") == .bytes(24 * mebi))
    try groups.set("a", ["memory.swap.max": "max\n"])
    #expect(try groups.room(of: "/a") == .bytes(24 * mebi + ControlGroupTests.usableSwap))
  }

  @Test("Version 1 limits memory alone, and memory and swap space together")
  func versionOne() throws {
    let groups = try Imitation(version: 1, root: "/docker/box")
    defer { groups.remove() }
    let mebi = ControlGroupTests.mebi
    try groups.set(
      "",
      [
        "memory.limit_in_bytes": "\(64 * mebi)\n", "memory.usage_in_bytes": "\(50 * mebi)\n",
        "memory.stat": "inactive_file 5\ntotal_inactive_file \(2 * mebi)\ntotal_active_file 0\n",
      ])
    let expected = MemoryControlGroups.Room.bytes(14 * mebi + ControlGroupTests.usableSwap)
    #expect(try groups.room(of: "/docker/box") == expected)
    #expect(try groups.room(of: "/docker/box/inner") == expected)
    // Beside what is mounted, all that can be seen is the mount itself.
    #expect(try groups.room(of: "/docker/boxes") == expected)
    #expect(try groups.room(of: "/") == expected)
    try groups.set(
      "inner",
      [
        "memory.limit_in_bytes": "\(32 * mebi)\n", "memory.usage_in_bytes": "0\n",
        "memory.memsw.limit_in_bytes": "\(32 * mebi)\n",
        "memory.memsw.usage_in_bytes": "\(30 * mebi)\n",
      ])
    #expect(try groups.room(of: "/docker/box/inner") == .bytes(mebi))
  }

  @Test("Each chunk is asked for, and what another store was allowed meanwhile counts")
  func allowance() throws {
    let groups = try Imitation(version: 2)
    defer { groups.remove() }
    let mebi = ControlGroupTests.mebi
    let membership = groups.folder.appendingPathComponent("membership")
    try Data("0::/a\n".utf8).write(to: membership)
    try groups.set(
      "a",
      [
        "memory.max": "\(64 * mebi)\n", "memory.current": "\(57 * mebi)\n",
        "memory.swap.max": "0\n",
      ])
    let asked = try MemoryControlGroups(
      membership: membership.path,
      mounts: "31 22 0:28 / \(groups.folder.path) rw - cgroup2 cgroup2 rw")
    var allowance = MemoryAllowance()
    func takes(_ mebibytes: Int) -> Bool { allowance.reserve(mebibytes * mebi, of: asked) }
    // Two of 64 MiB are left to others.
    #expect(takes(2))
    #expect(takes(2))
    #expect(!takes(2))
    allowance.settle(4 * mebi)
    try groups.set("a", ["memory.current": "\(61 * mebi)\n"])
    #expect(!takes(2))
    try groups.set("a", ["memory.max": "max\n"])
    #expect(takes(2))
    try groups.set("a", ["memory.max": "\(mebi)\n"])
    #expect(!takes(2))
    // The process is put into a group that has room.
    try groups.set("b", ["memory.max": "\(64 * mebi)\n", "memory.current": "0\n"])
    try Data("0::/b\n".utf8).write(to: membership)
    #expect(takes(2))
  }

  /// A group of this machine's own, below the one that the test is in.
  private static func makeGroup(limit: Int) throws -> URL {
    var attempts: [String] = []
    for (line, point, files) in [
      (
        ":memory:", "/sys/fs/cgroup/memory",
        ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"]
      ),
      ("0::", "/sys/fs/cgroup", ["memory.max", "memory.swap.max"]),
    ] {
      let lines = kernelFile("/proc/self/cgroup").split(separator: "\n")
      guard let own = lines.first(where: { $0.contains(line) })?.split(separator: ":").last,
        FileManager.default.fileExists(atPath: point + "/cgroup.procs")
      else { continue }
      // Version 2 has no processes in groups that pass controllers on: there, beside the own one.
      for parent in [point + own, point] {
        let group = URL(fileURLWithPath: parent).appendingPathComponent("snapshots-\(getpid())")
        do {
          try FileManager.default.createDirectory(at: group, withIntermediateDirectories: false)
          try write("\(limit)", to: group.appendingPathComponent(files[0]))
          // Swap space would be room.
          try? write(
            files[1] == "memory.swap.max" ? "0" : "\(limit)",
            to: group.appendingPathComponent(files[1]))
          return group
        } catch {
          attempts.append("\(group.path): \(error.localizedDescription)")
          unsafe rmdir(group.path)
        }
      }
    }
    try Test.cancel("no memory control group can be made: \(attempts)")
  }

  private static func write(_ text: String, to file: URL) throws {
    let handle = try FileHandle(forWritingTo: file)
    try handle.write(contentsOf: Data(text.utf8))
    try handle.close()
  }

  @Test(
    "In a group too small for all pre-images the oldest snapshot is given up, and nobody is killed",
    arguments: RegionMode.tested(guessing: false))
  func smallGroup(_ mode: RegionMode) async throws {
    let mebi = ControlGroupTests.mebi
    let group = try ControlGroupTests.makeGroup(limit: 160 * mebi)
    defer { unsafe rmdir(group.path) }
    let path: String = group.path
    await #expect(processExitsWith: .success) { [mode, path = path as String] in
      endIfHanging()
      try ControlGroupTests.write(
        "\(getpid())", to: URL(fileURLWithPath: path + "/cgroup.procs"))
      let pages = 64 * ControlGroupTests.mebi / pageSize
      let region = try MemoryRegion(pages: pages, mode)
      region.fillPages(0..<pages, with: 1)
      var snapshots: [MemorySnapshot] = []
      for round in 2...6 {
        snapshots.append(try region.makeSnapshot())
        region.fillPages(0..<pages, with: UInt8(round))
      }
      let statistics = region.statistics
      #expect(snapshots[0].isInvalidated)
      #expect(statistics.snapshotsInvalidated >= 4)
      #expect(statistics.poolBytes > 8 * ControlGroupTests.mebi)
      #expect(region[pages - 1] == 0x0606_0606_0606_0606)
      for snapshot in snapshots { snapshot.release() }
      // What fits is kept as ever.
      let last = try region.makeSnapshot()
      region.fillPages(0..<512, with: 7)
      #expect(try last.word(ofPage: 511) == 0x0606_0606_0606_0606)
      #expect(!last.isInvalidated)
    }
  }

  /// How a group comes to be too small only after regions were made.
  enum Late: String, CaseIterable, Codable { case joined, lowered, manyStores }

  @Test(
    "A group that is joined or made smaller later, and stores that share one, are minded as well",
    arguments: Late.allCases, MemoryRegion.FaultDelivery.allCases)
  func lateLimit(_ late: Late, _ delivery: MemoryRegion.FaultDelivery) async throws {
    let mebi = ControlGroupTests.mebi
    let group = try ControlGroupTests.makeGroup(limit: late == .lowered ? 1 << 30 : 128 * mebi)
    defer { unsafe rmdir(group.path) }
    let path: String = group.path
    await #expect(processExitsWith: .success) { [late, delivery, path = path as String] in
      endIfHanging()
      let mebi = ControlGroupTests.mebi
      let group = URL(fileURLWithPath: path)
      func join() throws {
        try ControlGroupTests.write("\(getpid())", to: group.appendingPathComponent("cgroup.procs"))
      }
      if late != .joined { try join() }
      var options = MemoryRegion.Options()
      options.faultDelivery = delivery
      options.hasOwnHandler = true
      let count = late == .manyStores ? 12 : 1
      let regions = try (0..<count).map { _ in
        try MemoryRegion(byteCount: 48 * mebi / count, options: options)
      }
      let pages = regions[0].byteCount / pageSize
      for region in regions { region.fillPages(0..<pages, with: 1) }
      var snapshots: [MemorySnapshot] = []
      for round in 2...7 {
        snapshots += try regions.map { try $0.makeSnapshot() }
        if round == 3 {
          switch late {
          case .joined: try join()
          case .lowered: try ControlGroupTests.lower(group, to: 136 * mebi)
          case .manyStores: break
          }
        }
        for region in regions { region.fillPages(0..<pages, with: UInt8(round)) }
      }
      #expect(snapshots.contains { $0.isInvalidated })
      for region in regions { #expect(region[pages - 1] == 0x0707_0707_0707_0707) }
    }
  }

  private static func lower(_ group: URL, to limit: Int) throws {
    for name in ["memory.limit_in_bytes", "memory.max"] {
      let file = group.appendingPathComponent(name)
      guard FileManager.default.fileExists(atPath: file.path) else { continue }
      return try write("\(limit)", to: file)
    }
  }
}

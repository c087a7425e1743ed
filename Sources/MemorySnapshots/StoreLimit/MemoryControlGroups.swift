internal import Glibc
internal import SystemPackage

/// How much more memory the control groups of this process allow it: cgroups(7), of both versions. The
/// kernel kills a process that goes beyond, and asks nobody before.
///
/// Asked by the keeper, so nothing here allocates once it is made. Files are opened each time: the
/// process may have been moved to another group, and no descriptor is there for others to close.
///
/// Source: Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/memory.rst.
@safe
struct MemoryControlGroups: ~Copyable, @unchecked Sendable {
  enum Room: Equatable {
    /// No group has a limit.
    case unlimited
    /// Bytes until the first limit is met, below zero if that is too near already.
    case bytes(Int)
    /// The files could not be opened, for want of a descriptor say.
    case unknown
  }

  enum GroupVersion {
    case one
    case two
  }

  /// Where the groups of a version are mounted, and which of them is there.
  struct Mount {
    let version: GroupVersion
    let path: [UInt8]
    let root: [UInt8]
  }

  private let mounts: [Mount]
  /// Says in which groups this process is: the path of /proc/self/cgroup, ended by a zero.
  private let membership: [CChar]
  private let givenSwapBytes: Int?
  /// A path that is being put together, then the text of a file.
  private let memory: Mapping

  private static var pathBytes: Int { 8 << 10 }
  private static var textBytes: Int { 24 << 10 }
  /// Version 1 says "no limit" by the largest number of pages that it can count.
  private static var leastUnlimited: Int { 1 << 60 }

  init() throws(Errno) {
    try self.init(
      membership: "/proc/self/cgroup", mounts: MemoryControlGroups.text("/proc/self/mountinfo"))
  }

  /// - Parameters:
  ///   - membership: The path of a file like /proc/self/cgroup.
  ///   - mounts: Text like that of /proc/self/mountinfo.
  ///   - freeSwapBytes: The swap space that is free; `nil` to ask the kernel each time.
  init(membership: String, mounts: String, freeSwapBytes: Int? = nil) throws(Errno) {
    givenSwapBytes = freeSwapBytes
    self.membership = Array(membership.utf8CString)
    self.mounts = mounts.split(separator: "\n").compactMap(MemoryControlGroups.mount)
    memory = try Mapping(
      anonymous: MemoryControlGroups.pathBytes + MemoryControlGroups.textBytes)
  }

  // MARK: - Asking

  /// What is left, by the group that leaves the least: that of the process or one above it.
  ///
  /// - Parameter needed: What is enough: where as much is free, it is not looked up what could be taken
  ///   back besides.
  /// - Complexity: O(groups above this one), some 3 µs for each, 6 µs for each with a limit, and 50 µs for
  ///   each whose limit is near.
  func room(for needed: Int = .max) -> Room {
    var least = Room.unlimited
    for mount in mounts {
      switch room(mount, needed) {
      case .unlimited: break
      case .unknown: return .unknown
      case .bytes(let bytes):
        if case .bytes(let known) = least, known <= bytes { break }
        least = .bytes(bytes)
      }
    }
    return least
  }

  private func room(_ mount: Mount, _ needed: Int) -> Room {
    guard let length = findGroup(mount) else { return .unknown }
    var least = Room.unlimited
    var end = length
    while true {
      do throws(Errno) {
        let level = try room(ofGroupEndingAt: end, mount.version, needed)
        if level < .max {
          if case .bytes(let known) = least, known <= level {} else { least = .bytes(level) }
        }
      } catch {
        return .unknown
      }
      guard end > mount.path.count else { return least }
      // The path is not touched before `end`.
      repeat { end -= 1 } while unsafe end > mount.path.count && path[end] != UInt8(ascii: "/")
    }
  }

  /// Puts the path of the process's group together. Returns its length.
  private func findGroup(_ mount: Mount) -> Int? {
    let buffer = unsafe text
    let count = unsafe membership.withUnsafeBufferPointer { path in
      unsafe path.baseAddress.map { unsafe Kernel.readFile($0, into: buffer) } ?? 0
    }
    guard count > 0 else { return nil }
    var length = 0
    for byte in mount.path { append(byte, &length) }
    unsafe KernelText(UnsafeRawBufferPointer(rebasing: buffer[..<count])).forEachLine { line in
      guard let group = MemoryControlGroups.group(line, mount.version) else { return false }
      // What a container sees is mounted from further down. A group beside that is out of sight.
      let isRoot = mount.root == [UInt8(ascii: "/")]
      let start = isRoot ? 0 : mount.root.count
      guard group.count > 1, group.count >= start else { return true }
      for index in 0..<start where group[index] != mount.root[index] { return true }
      if start > 0, group.count > start, group[start] != UInt8(ascii: "/") { return true }
      for index in start..<group.count { append(group[index], &length) }
      return true
    }
    return length
  }

  /// The group in a line of /proc/self/cgroup, "number:controllers:path", if it is of the version.
  private static func group(_ line: KernelText, _ version: GroupVersion) -> KernelText? {
    let colon = UInt8(ascii: ":")
    guard let first = line.first(colon), let second = line.first(colon, from: first + 1) else {
      return nil
    }
    let path = line[second + 1..<line.count]
    if version == .two { return line.starts(with: "0::") ? path : nil }
    var start = first + 1
    while start < second {
      let comma = line.first(UInt8(ascii: ","), from: start) ?? second
      let end = min(comma, second)
      if end - start == 6, line[start..<end].starts(with: "memory") { return path }
      start = end + 1
    }
    return nil
  }

  private func room(
    ofGroupEndingAt end: Int, _ version: GroupVersion, _ needed: Int
  ) throws(Errno) -> Int {
    switch version {
    case .one:
      guard let limit = try limit(end, "memory.limit_in_bytes"),
        let used = try number(end, "memory.usage_in_bytes")
      else { return .max }
      // Memory and swap space together are used as much at the least: theirs has to be looked up.
      let hasBoth = try self.limit(end, "memory.memsw.limit_in_bytes") != nil
      let free = limit - used - MemoryControlGroups.margin(limit)
      if free >= needed, !hasBoth { return free }
      let cached = try cacheBytes(end, "total_inactive_file", "total_active_file")
      var room = limit - used + cached + freeSwapBytes
      // Memory and swap space together.
      if let limit = try self.limit(end, "memory.memsw.limit_in_bytes"),
        let used = try number(end, "memory.memsw.usage_in_bytes")
      {
        room = min(room, limit - used + cached)
      }
      return room - MemoryControlGroups.margin(limit)
    case .two:
      // Above memory.high the kernel stops the threads of the group now and then, ours among them.
      let high = try limit(end, "memory.high") ?? .max
      let limit = min(try limit(end, "memory.max") ?? .max, high)
      guard limit < .max, let used = try number(end, "memory.current") else { return .max }
      let free = limit - used - MemoryControlGroups.margin(limit)
      if free >= needed { return free }
      var swap = freeSwapBytes
      if let most = try self.limit(end, "memory.swap.max") {
        let left = max(most - (try number(end, "memory.swap.current") ?? 0), 0)
        swap = min(swap, MemoryControlGroups.usable(left))
      }
      let cached = try cacheBytes(end, "inactive_file", "active_file")
      return limit - used + cached + swap - MemoryControlGroups.margin(limit)
    }
  }

  /// What is left to others between two looks: the application's own memory grows meanwhile.
  private static func margin(_ limit: Int) -> Int { min(limit / 32, 16 << 20) }

  /// Swap space to reckon with. It is the whole system's, and pages on their way there or back take it
  /// and memory at once: the kernel kills before it is full.
  private var freeSwapBytes: Int {
    MemoryControlGroups.usable(givenSwapBytes ?? Kernel.freeSwapBytes)
  }

  static func usable(_ swapBytes: Int) -> Int { max(swapBytes - (32 << 20), 0) / 2 }

  /// Pages of files, which the kernel takes back before it kills. Shared memory is not among them.
  private func cacheBytes(
    _ end: Int, _ inactive: StaticString, _ active: StaticString
  ) throws(Errno) -> Int {
    guard let text = try read(end, "memory.stat") else { return 0 }
    return (text.number(after: inactive) ?? 0) + (text.number(after: active) ?? 0)
  }

  private func limit(_ end: Int, _ name: StaticString) throws(Errno) -> Int? {
    guard let number = try number(end, name) else { return nil }
    return number < MemoryControlGroups.leastUnlimited ? number : nil
  }

  /// The number in a file; `nil` if there is none: "max", or no such file.
  private func number(_ end: Int, _ name: StaticString) throws(Errno) -> Int? {
    try read(end, name)?.number
  }

  /// The text of a file of the group whose path ends at `end`, until the next is read; `nil` if there is
  /// none.
  private func read(_ end: Int, _ name: StaticString) throws(Errno) -> KernelText? {
    var length = end
    append(UInt8(ascii: "/"), &length)
    for index in 0..<name.utf8CodeUnitCount { append(unsafe name.utf8Start[index], &length) }
    append(0, &length)
    let count = unsafe path.withMemoryRebound(to: CChar.self) { path in
      unsafe path.baseAddress.map { unsafe Kernel.readFile($0, into: text) } ?? 0
    }
    switch -Int32(clamping: count) {
    case EMFILE, ENFILE, ENOMEM: throw Errno(rawValue: -Int32(clamping: count))
    case 1...: return nil
    default: return unsafe KernelText(UnsafeRawBufferPointer(rebasing: text[..<count]))
    }
  }

  // MARK: - Buffers

  private var path: UnsafeMutableBufferPointer<UInt8> {
    unsafe UnsafeMutableBufferPointer(
      start: UnsafeMutablePointer(bitPattern: memory.address),
      count: MemoryControlGroups.pathBytes)
  }

  private var text: UnsafeMutableRawBufferPointer {
    unsafe UnsafeMutableRawBufferPointer(
      start: UnsafeMutableRawPointer(
        bitPattern: memory.address + UInt(MemoryControlGroups.pathBytes)),
      count: MemoryControlGroups.textBytes)
  }

  /// Longer paths than the kernel takes are cut: there is no such file.
  private func append(_ byte: UInt8, _ length: inout Int) {
    guard length < MemoryControlGroups.pathBytes else { return }
    unsafe path[length] = byte
    length += 1
  }
}

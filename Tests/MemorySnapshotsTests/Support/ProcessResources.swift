import Foundation

/// What the process holds in the kernel. Counted in a process of the test's own, because suites run
/// in parallel.
struct ProcessResources: CustomStringConvertible {
  var descriptors: Int
  var threads: Int
  var mappings: Int

  static func now() -> ProcessResources {
    ProcessResources(
      descriptors: entries("/proc/self/fd"), threads: entries("/proc/self/task"),
      mappings: lines("/proc/self/maps"))
  }

  var description: String {
    "\(descriptors) descriptors, \(threads) threads, \(mappings) mappings"
  }

  /// Whether nothing has grown since `earlier`, but for what the C library and the test library make
  /// once: whoever looks for a leak does something at least 32 times. A thread that was joined
  /// may still be listed for a moment.
  static func stayed(_ earlier: ProcessResources, slack: Int = 16) async -> Bool {
    await eventually(within: .seconds(10)) {
      let now = ProcessResources.now()
      return now.descriptors <= earlier.descriptors + 2 && now.threads <= earlier.threads
        && now.mappings <= earlier.mappings + slack
    }
  }

  private static func entries(_ directory: String) -> Int {
    guard let stream = unsafe opendir(directory) else { return -1 }
    defer { unsafe closedir(stream) }
    var count = 0
    while unsafe readdir(stream) != nil { count += 1 }
    return count
  }

  private static func lines(_ path: String) -> Int {
    let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
    defer { close(file) }
    var count = 0
    unsafe withUnsafeTemporaryAllocation(byteCount: 16 << 10, alignment: 16) { block in
      while case let size = unsafe read(file, block.baseAddress, block.count), size > 0 {
        for index in 0..<size where unsafe block[index] == UInt8(ascii: "\n") { count += 1 }
      }
    }
    return count
  }
}

/// The text of a file of /proc, read to its end: Foundation takes a short read for the end.
func kernelFile(_ path: String) -> String {
  let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
  defer { close(file) }
  var bytes: [UInt8] = []
  unsafe withUnsafeTemporaryAllocation(byteCount: 16 << 10, alignment: 16) { block in
    while case let size = unsafe read(file, block.baseAddress, block.count), size > 0 {
      unsafe bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: block[..<size]))
    }
  }
  return String(decoding: bytes, as: UTF8.self)
}

/// The address space that the library has mapped: all that a child of fork(2) does not get, or gets
/// empty, as nothing else in a test's process.
func libraryMappedBytes() -> Int {
  var sum = 0
  var size = 0
  for line in kernelFile("/proc/self/smaps").split(separator: "\n") {
    let words = line.split(separator: " ")
    if words[0] == "Size:" { size = (Int(words[1]) ?? 0) << 10 }
    if words[0] == "VmFlags:", words.contains("dc") || words.contains("wf") { sum += size }
  }
  return sum
}

/// Memory of the process in bytes: the field of /proc/self/status.
func memoryStatus(_ field: String) -> Int {
  let text = kernelFile("/proc/self/status")
  for line in text.split(separator: "\n") where line.hasPrefix(field + ":") {
    return (line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) << 10
  }
  return 0
}

/// Ends a process of the test's own if it hangs.
func endIfHanging() { alarm(runsLongTests ? 500 : 250) }

/// Whether the long variants run: in CI, or when asked for.
let runsLongTests: Bool = {
  let environment = ProcessInfo.processInfo.environment
  return environment["MEMORY_SNAPSHOTS_LONG_TESTS"] == "1" || environment["CI"] == "true"
}()

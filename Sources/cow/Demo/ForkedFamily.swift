internal import CUserfault
internal import SystemPackage

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#endif

/// Memory of this process, and children that were forked with it, of which some write to it when they
/// are told to. The children end with the value.
@safe
struct ForkedFamily: ~Copyable {
  private let memory: UnsafeMutableRawPointer
  private let byteCount: Int
  private let pageSize: Int
  /// The children, in the order in which they were forked.
  private(set) var children: [Int32] = []

  /// Children wait on these: writers for a byte each, all for the end of `end`.
  private let go: Channel
  private let end: Channel
  private let done: Channel

  /// A pipe that is closed with its owner.
  private final class Channel {
    let readEnd: FileDescriptor
    let writeEnd: FileDescriptor

    init() throws(ToolError) {
      do {
        (readEnd, writeEnd) = try FileDescriptor.pipe()
      } catch {
        throw ToolError(.osError, "cannot make a pipe: \(error)")
      }
    }

    deinit {
      try? readEnd.close()
      try? writeEnd.close()
    }
  }

  /// The addresses of the memory.
  var addresses: Range<UInt64> {
    let start = unsafe UInt64(UInt(bitPattern: memory))
    return start..<start + UInt64(byteCount)
  }

  /// Maps `pages` pages and writes to each of them.
  static func allocate(pages: Int) throws(ToolError) -> ForkedFamily {
    let pageSize = Int(sysconf(Int32(_SC_PAGESIZE)))
    let byteCount = pages * pageSize
    let memory = unsafe mmap(
      nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let memory = unsafe memory, unsafe memory != MAP_FAILED else {
      throw ToolError(.osError, "cannot allocate \(byteCount) bytes: \(Errno(rawValue: errno))")
    }
    // Page by page, as the question has it; huge pages would be copied page by page as well.
    unsafe _ = madvise(memory, byteCount, MADV_NOHUGEPAGE)
    return try unsafe ForkedFamily(memory, byteCount, pageSize, Channel(), Channel(), Channel())
  }

  private init(
    _ memory: UnsafeMutableRawPointer, _ byteCount: Int, _ pageSize: Int, _ go: Channel,
    _ end: Channel, _ done: Channel
  ) {
    unsafe self.memory = memory
    self.byteCount = byteCount
    self.pageSize = pageSize
    self.go = go
    self.end = end
    self.done = done
    write(pages: byteCount / pageSize)
  }

  deinit {
    for child in children { _ = kill(child, SIGKILL) }
    for child in children { _ = waitpid(child, nil, 0) }
    unsafe _ = munmap(memory, byteCount)
  }

  /// Forks a child; one that `writes` waits for `letWritersWrite` and then writes to the first pages.
  mutating func fork(writes pages: Int) throws(ToolError) {
    var child: pid_t = 0
    let result = unsafe cuserfault_fork(&child)
    guard result == 0 else {
      throw ToolError(
        .osError, "cannot fork child \(children.count + 1): \(Errno(rawValue: -result))")
    }
    if child == 0 { runChild(pages) }
    children.append(child)
  }

  /// Lets `count` writers write; returns when all have.
  func letWritersWrite(_ count: Int) throws(ToolError) {
    do {
      for _ in 0..<count { _ = try go.writeEnd.writeAll([1]) }
      for _ in 0..<count {
        var byte: UInt8 = 0
        let received = try unsafe withUnsafeMutableBytes(of: &byte) { bytes in
          try unsafe done.readEnd.read(into: bytes)
        }
        guard received == 1 else { throw Errno.brokenPipe }
      }
    } catch {
      throw ToolError(.osError, "a child has ended before its time: \(error)")
    }
  }

  /// The life of a child: it must not touch more memory than it has to, and never returns.
  private func runChild(_ pages: Int) -> Never {
    // The parent's death is the end of `end`, if nobody else holds it open.
    _ = close(end.writeEnd.rawValue)
    var byte: UInt8 = 0
    if pages > 0 {
      if unsafe read(go.readEnd.rawValue, &byte, 1) != 1 { _exit(1) }
      write(pages: pages)
      if (try? done.writeEnd.writeAll([byte])) != 1 { _exit(1) }
    }
    while unsafe read(end.readEnd.rawValue, &byte, 1) < 0, errno == EINTR {}
    _exit(0)
  }

  /// Writes to each of the first pages what no other process writes.
  private func write(pages: Int) {
    for page in 0..<pages {
      unsafe (memory + page * pageSize).storeBytes(
        of: UInt64(page) << 32 | UInt64(getpid()), as: UInt64.self)
    }
  }
}

internal import CUserfault
internal import Glibc
internal import SystemPackage

// Reading what the kernel tells in files, and saving a snapshot.

extension Kernel {
  /// open(2) for reading, close-on-exec.
  static func openForReading(_ path: String) throws(Errno) -> Int32 {
    unsafe try check(ask(.open, answer(Glibc.open(path, O_RDONLY | O_CLOEXEC))))
  }

  /// Calls `body` with each line of a file of /proc, until it returns false.
  static func forEachLine(
    of path: String, _ body: (Substring) -> Bool
  ) throws(Errno) {
    let file = try Descriptor { () throws(Errno) in try openForReading(path) }
    var unread: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let status = unsafe block.withUnsafeMutableBytes { bytes in
        unsafe ask(.read, answer(Glibc.read(file.rawValue, bytes.baseAddress, bytes.count)))
      }
      if status == -Int(EINTR) { continue }
      let count = try check(status)
      if count == 0 { return }
      unread += block[..<count]
      guard let end = unread.lastIndex(of: UInt8(ascii: "\n")) else { continue }
      for line in String(decoding: unread[...end], as: UTF8.self).split(separator: "\n") {
        if !body(line) { return }
      }
      unread.removeSubrange(...end)
    }
  }

  /// The current offset and the size of a regular file that can be written to at any offset; `nil`
  /// for anything else, and for a file opened with O_APPEND.
  static func regularFile(_ descriptor: Int32) -> (offset: Int, size: Int)? {
    var status = stat()
    guard unsafe ask(.fstat, answer(fstat(descriptor, &status))) == 0,
      status.st_mode & S_IFMT == S_IFREG
    else { return nil }
    let flags = ask(.fcntl, answer(fcntl(descriptor, F_GETFL)))
    guard flags >= 0, flags & O_APPEND == 0 else { return nil }
    let offset = ask(.lseek, answer(lseek(descriptor, 0, SEEK_CUR)))
    return offset < 0 ? nil : (offset, status.st_size)
  }

  /// pwrite(2), reporting EFBIG without a SIGXFSZ.
  static func write(
    _ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, at offset: Int
  ) throws(Errno) -> Int {
    guard let base = bytes.baseAddress else { return 0 }
    return unsafe try check(
      ask(
        .pwrite,
        Int(cuserfault_pwrite_quietly(descriptor, base, bytes.count, UInt64(offset)))))
  }

  /// write(2), reporting EPIPE without a SIGPIPE and EFBIG without a SIGXFSZ.
  static func writeToStream(
    _ descriptor: Int32, _ bytes: UnsafeRawBufferPointer
  ) throws(Errno) -> Int {
    guard let base = bytes.baseAddress else { return 0 }
    return unsafe try check(
      ask(.write, Int(cuserfault_write_quietly(descriptor, base, bytes.count))))
  }

  /// poll(2) for writing.
  static func waitUntilWritable(_ descriptor: Int32) throws(Errno) {
    var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    let status = unsafe ask(.poll, answer(poll(&request, 1, -1)))
    if status != -EINTR { _ = try check(status) }
  }

  /// Makes a hole of part of a file. False if the file system has none.
  static func clear(_ descriptor: Int32, _ range: Range<Int>) -> Bool {
    (try? punchHole(descriptor, range)) != nil
  }

  /// Extends a file to `end`, unless it is longer, and moves its offset there.
  static func finishFile(_ descriptor: Int32, end: Int, size: Int) throws(Errno) {
    if end > size {
      _ = try check(ask(.ftruncate, cuserfault_extend_quietly(descriptor, UInt64(end))))
    }
    _ = try check(ask(.lseek, answer(lseek(descriptor, end, SEEK_SET))))
  }
}

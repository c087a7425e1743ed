internal import CUserfault
internal import Glibc
internal import SystemPackage

// What saving a snapshot asks of the kernel.

extension Kernel {
  /// The current offset and the size of a regular file that can be written to at any offset; `nil`
  /// for anything else, and for a file opened with O_APPEND.
  static func regularFile(_ descriptor: Int32) -> (offset: Int, size: Int)? {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
      fcntl(descriptor, F_GETFL) & O_APPEND == 0
    else { return nil }
    let offset = lseek(descriptor, 0, SEEK_CUR)
    return offset < 0 ? nil : (offset, status.st_size)
  }

  /// pwrite(2).
  static func write(
    _ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, at offset: Int
  ) throws(Errno) -> Int {
    let count = unsafe pwrite(descriptor, bytes.baseAddress, bytes.count, offset)
    guard count >= 0 else { throw Errno(rawValue: errno) }
    return count
  }

  /// write(2), reporting EPIPE without a SIGPIPE.
  static func writeToStream(
    _ descriptor: Int32, _ bytes: UnsafeRawBufferPointer
  ) throws(Errno) -> Int {
    guard let base = bytes.baseAddress else { return 0 }
    let count = unsafe cuserfault_write_without_sigpipe(descriptor, base, bytes.count)
    guard count >= 0 else { throw Errno(rawValue: Int32(-count)) }
    return Int(count)
  }

  /// poll(2) for writing.
  static func waitUntilWritable(_ descriptor: Int32) throws(Errno) {
    var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    guard unsafe poll(&request, 1, -1) >= 0 || errno == EINTR else { throw Errno(rawValue: errno) }
  }

  /// Makes a hole of part of a file. False if the file system has none.
  static func clear(_ descriptor: Int32, _ range: Range<Int>) -> Bool {
    (try? punchHole(descriptor, range)) != nil
  }

  /// Extends a file to `end`, unless it is longer, and moves its offset there.
  static func finishFile(_ descriptor: Int32, end: Int, size: Int) throws(Errno) {
    if end > size, ftruncate(descriptor, end) != 0 { throw Errno(rawValue: errno) }
    guard lseek(descriptor, end, SEEK_SET) >= 0 else { throw Errno(rawValue: errno) }
  }
}

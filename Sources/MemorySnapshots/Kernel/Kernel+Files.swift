internal import CUserfault
internal import Glibc
internal import SystemPackage

// Reading what the kernel tells in files, and saving a snapshot.

extension Kernel {
  /// open(2) for reading, close-on-exec.
  static func openForReading(_ path: String) throws(Errno) -> Int32 {
    unsafe try check(ask(.open, answer(open(path, O_RDONLY | O_CLOEXEC))))
  }

  /// All that a file of /proc says, by open(2) and read(2).
  static func readText(_ path: String) throws(Errno) -> String {
    let file = Descriptor(owning: try openForReading(path))
    var text: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let status = unsafe block.withUnsafeMutableBytes { bytes in
        unsafe ask(.read, answer(read(file.rawValue, bytes.baseAddress, bytes.count)))
      }
      if status == -Int(EINTR) { continue }
      let count = try check(status)
      if count == 0 { return String(decoding: text, as: UTF8.self) }
      text += block[..<count]
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

  /// pwrite(2).
  static func write(
    _ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, at offset: Int
  ) throws(Errno) -> Int {
    unsafe try check(
      ask(.pwrite, answer(pwrite(descriptor, bytes.baseAddress, bytes.count, offset))))
  }

  /// write(2), reporting EPIPE without a SIGPIPE.
  static func writeToStream(
    _ descriptor: Int32, _ bytes: UnsafeRawBufferPointer
  ) throws(Errno) -> Int {
    guard let base = bytes.baseAddress else { return 0 }
    return unsafe try check(
      ask(.write, Int(cuserfault_write_without_sigpipe(descriptor, base, bytes.count))))
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
    if end > size { _ = try check(ask(.ftruncate, answer(ftruncate(descriptor, end)))) }
    _ = try check(ask(.lseek, answer(lseek(descriptor, end, SEEK_SET))))
  }
}

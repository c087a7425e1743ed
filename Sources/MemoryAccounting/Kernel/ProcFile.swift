internal import SystemPackage

/// Files of /proc and /sys, which have no size and must be read until they end.
enum ProcFile {
  /// Reads a whole file.
  static func read(_ path: String) throws(Errno) -> [UInt8] {
    let file = try open(path)
    defer { try? file.close() }
    return try read(file)
  }

  /// Reads what is left of a file.
  static func read(_ file: FileDescriptor) throws(Errno) -> [UInt8] {
    // /proc generates lines into a buffer of its own and returns what fits; a larger one of ours
    // saves calls, and with them the search for the place to go on at.
    var contents: [UInt8] = []
    var capacity = 4096
    while true {
      var buffer = [UInt8](repeating: 0, count: capacity)
      let count: Int
      do {
        count = try unsafe buffer.withUnsafeMutableBytes { try unsafe file.read(into: $0) }
      } catch {
        throw errno(of: error)
      }
      if count == 0 { return contents }
      contents.append(contentsOf: buffer[..<count])
      capacity = 1 << 16
    }
  }

  /// Opens a file for reading, close-on-exec.
  static func open(_ path: String) throws(Errno) -> FileDescriptor {
    do {
      return try FileDescriptor.open(FilePath(path), .readOnly, options: .closeOnExec)
    } catch {
      throw errno(of: error)
    }
  }

  /// Reads into `buffer` from `offset` on until it is full or the file ends.
  static func read(
    _ file: FileDescriptor, at offset: Int64, into buffer: UnsafeMutableRawBufferPointer
  ) throws(Errno) -> Int {
    var done = 0
    while done < buffer.count {
      do {
        let count = try unsafe file.read(
          fromAbsoluteOffset: offset + Int64(done),
          into: UnsafeMutableRawBufferPointer(rebasing: buffer[done...]))
        if count == 0 { break }
        done += count
      } catch {
        throw errno(of: error)
      }
    }
    return done
  }

  /// A file that holds one decimal number, or `nil` where there is no such file.
  static func number(_ path: String) -> UInt64? {
    guard let contents = try? read(path) else { return nil }
    var scanner = ByteScanner(contents)
    return scanner.decimal()
  }

  /// `SystemPackage` throws nothing but `Errno`, though untyped.
  private static func errno(of error: any Error) -> Errno {
    guard let errno = error as? Errno else { preconditionFailure("unexpected error: \(error)") }
    return errno
  }
}

internal import Glibc
internal import SystemPackage

/// The file that the demo works on: opened once, closed with its owner.
struct InputFile: ~Copyable {
  /// What to call it.
  let name: String
  let byteCount: Int
  private let descriptor: FileDescriptor

  static var blockBytes: Int { 1 << 20 }

  /// Opens the file, or the program's own executable if `path` is `nil`.
  ///
  /// - Throws: `ToolError` with `EX_NOINPUT` for a file that is missing or cannot be read, and
  ///   `EX_DATAERR` for one that is not regular or is empty.
  init(_ path: String?) throws(ToolError) {
    let name = path ?? "cow (its own executable)"
    let descriptor: FileDescriptor
    let status: stat
    do throws(Errno) {
      descriptor = try InputFile.open(path ?? "/proc/self/exe")
      status = try InputFile.status(descriptor)
    } catch {
      throw ToolError(.noInput, "\(name): \(error)")
    }
    guard status.st_mode & S_IFMT == S_IFREG, status.st_size > 0 else {
      try? descriptor.close()
      let reason = status.st_mode & S_IFMT == S_IFDIR ? "is a directory" : "is not a regular file"
      throw ToolError(
        .dataError,
        "\(name): \(status.st_mode & S_IFMT == S_IFREG ? "is empty" : reason); give a regular file "
          + "that is not empty")
    }
    self.name = name
    byteCount = status.st_size
    self.descriptor = descriptor
  }

  deinit { try? descriptor.close() }

  /// Without blocking: a pipe without a writer is to be refused, not waited for.
  private static func open(_ path: String) throws(Errno) -> FileDescriptor {
    do {
      return try FileDescriptor.open(
        FilePath(path), .readOnly, options: [.closeOnExec, .nonBlocking])
    } catch let error as Errno {
      throw error
    } catch {
      throw Errno.ioError
    }
  }

  private static func status(_ descriptor: FileDescriptor) throws(Errno) -> stat {
    var status = stat()
    guard unsafe fstat(descriptor.rawValue, &status) == 0 else { throw Errno(rawValue: errno) }
    return status
  }

  /// Reads the whole file into `buffer`.
  func load(into buffer: UnsafeMutableRawBufferPointer, _ bar: ProgressBar) throws(ToolError) {
    var offset = 0
    while offset < byteCount {
      let end = min(offset + InputFile.blockBytes, byteCount)
      unsafe try readExactly(
        descriptor, at: offset, into: UnsafeMutableRawBufferPointer(rebasing: buffer[offset..<end]),
        name)
      offset = end
      bar.update(offset, of: byteCount)
    }
  }

  /// Where the file first differs from other bytes, which `block` hands out part by part; `nil` if
  /// it does not.
  func firstDifference(
    _ bar: ProgressBar,
    from block: (Range<Int>) throws(ToolError) -> UnsafeRawBufferPointer
  ) throws(ToolError) -> Int? {
    let buffer = UnsafeMutableRawBufferPointer.allocate(
      byteCount: InputFile.blockBytes, alignment: 16)
    defer { unsafe buffer.deallocate() }
    var offset = 0
    while offset < byteCount {
      let end = min(offset + InputFile.blockBytes, byteCount)
      let part = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[..<(end - offset)])
      unsafe try readExactly(descriptor, at: offset, into: part, name)
      let other = unsafe try block(offset..<end)
      if unsafe !isEqual(UnsafeRawBufferPointer(part), other) {
        let position = unsafe zip(part, other).enumerated()
          .first { $0.element.0 != $0.element.1 }?.offset
        return offset + (position ?? 0)
      }
      offset = end
      bar.update(offset, of: byteCount)
    }
    return nil
  }
}

/// memcmp(3).
func isEqual(_ one: UnsafeRawBufferPointer, _ other: UnsafeRawBufferPointer) -> Bool {
  guard let first = one.baseAddress, let second = other.baseAddress else {
    return unsafe one.isEmpty
  }
  return unsafe one.count == other.count && memcmp(first, second, one.count) == 0
}

/// Fills `buffer` from a file.
func readExactly(
  _ descriptor: FileDescriptor, at offset: Int, into buffer: UnsafeMutableRawBufferPointer,
  _ name: String
) throws(ToolError) {
  var done = 0
  while done < buffer.count {
    let count: Int
    do {
      count = unsafe try descriptor.read(
        fromAbsoluteOffset: Int64(offset + done),
        into: UnsafeMutableRawBufferPointer(rebasing: buffer[done...]))
    } catch {
      throw ToolError(.inputOutput, "cannot read \(name): \(error)")
    }
    guard count > 0 else {
      throw ToolError(.dataError, "\(name) has become shorter while it was read; run again")
    }
    done += count
  }
}

internal import CDemo
internal import Glibc
internal import SystemPackage

/// A file without a name: it is gone when it is closed, however the process ends.
struct TemporaryFile: ~Copyable {
  let descriptor: FileDescriptor

  /// Makes a file in `TMPDIR`, or in /tmp.
  ///
  /// - Throws: `ToolError` with `EX_CANTCREAT`.
  init() throws(ToolError) {
    let directory = Terminal.environment("TMPDIR") ?? "/tmp"
    do {
      descriptor = try TemporaryFile.open(in: FilePath(directory))
    } catch {
      throw ToolError(
        .cannotCreate,
        "cannot create a temporary file in \(directory): \(error); set TMPDIR to another directory")
    }
  }

  deinit { try? descriptor.close() }

  private static func open(in directory: FilePath) throws -> FileDescriptor {
    do {
      // O_TMPFILE (Linux 3.11), which Swift does not import.
      return try FileDescriptor.open(
        directory, .readWrite,
        options: [.closeOnExec, FileDescriptor.OpenOptions(rawValue: cdemo_nameless_file)],
        permissions: [.ownerReadWrite])
    } catch Errno.notSupportedOnSocket, Errno.isDirectory {
      // A file system without nameless files: the name lasts a moment.
      let path = directory.appending("cow-demo-\(getpid())")
      let descriptor = try FileDescriptor.open(
        path, .readWrite, options: [.create, .exclusiveCreate, .closeOnExec],
        permissions: [.ownerReadWrite])
      _ = unsafe path.withPlatformString { unsafe unlink($0) }
      return descriptor
    }
  }
}

internal import SystemPackage

/// Standard output as the commands write it: whole, and with an error where it cannot be.
enum StandardOutput {
  /// Writes all of `text`.
  ///
  /// - Throws: `ToolError`: `.readerGone` where a pipe is not read any more (`SIGPIPE` is ignored, so
  ///   that the command can put things back before it ends), `EX_IOERR` otherwise.
  static func write(_ text: String) throws(ToolError) {
    do {
      _ = try FileDescriptor.standardOutput.writeAll(text.utf8)
    } catch {
      if let error = error as? Errno, error == .brokenPipe { throw .readerGone }
      throw ToolError(.inputOutput, "cannot write to standard output: \(error)")
    }
  }
}

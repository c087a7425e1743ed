internal import SystemPackage

/// Standard output as the commands write it: whole, and with an error where it cannot be.
enum StandardOutput {
  /// Writes all of `text`.
  ///
  /// - Throws: `ToolError` (`EX_IOERR`), also where the reader of a pipe has gone: `SIGPIPE` is
  ///   ignored, so that the command can put things back before it ends.
  static func write(_ text: String) throws(ToolError) {
    do {
      _ = try FileDescriptor.standardOutput.writeAll(text.utf8)
    } catch {
      throw ToolError(.inputOutput, "cannot write to standard output: \(error)")
    }
  }
}

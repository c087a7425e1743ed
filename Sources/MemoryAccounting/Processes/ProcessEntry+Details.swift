/// What a process says of itself beside its memory; each is read when it is asked for.
extension ProcessEntry {
  /// When the process started, in clock ticks after boot: with the pid, what tells it from a later
  /// process of the same number.
  public var startTicks: UInt64 { startTime }

  /// The words of its command line, from /proc/PID/cmdline; empty for threads of the kernel and for
  /// processes that have gone. A process may write what it likes there.
  public func commandLine() -> [String] {
    Self.words(ofCommandLine: (try? ProcFile.read("/proc/\(pid)/cmdline")) ?? [])
  }

  static func words(ofCommandLine text: [UInt8]) -> [String] {
    // Some fill what is left of the space with zeros, or with blanks.
    text.split(separator: 0).map {
      String(decoding: $0, as: UTF8.self).trimmingSuffix { $0 == " " }
    }.filter { !$0.isEmpty }
  }

  /// The name, whole where the kernel has cut it off after 15 bytes: that of the program's file if the
  /// name begins it, or else the first word of the command line.
  public func programName() -> String {
    guard name.utf8.count >= 15 else { return name }
    let file = (try? Kernel.target(ofLink: "/proc/\(pid)/exe")) ?? ""
    return Self.whole(name, among: [file, commandLine().first ?? ""])
  }

  static func whole(_ name: String, among paths: [String]) -> String {
    for path in paths {
      let last = path.split(separator: "/").last.map(String.init) ?? ""
      let base = last.hasSuffix(" (deleted)") ? String(last.dropLast(10)) : last
      if base.hasPrefix(name) { return base }
    }
    return name
  }
}

extension String {
  fileprivate func trimmingSuffix(while isDropped: (Character) -> Bool) -> String {
    var text = self[...]
    while let last = text.last, isDropped(last) { text.removeLast() }
    return String(text)
  }
}

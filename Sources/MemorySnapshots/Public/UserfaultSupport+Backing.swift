extension UserfaultSupport {
  /// Whether regions with the given backing can be made here.
  public func supports(_ backing: MemoryRegion.Backing) -> Bool {
    switch backing {
    case .sharedMemory: method != nil && features.contains(.writeProtectShared)
    case .anonymous: method != nil && features.contains(.writeProtect)
    }
  }
}

extension UserfaultSupport: CustomStringConvertible {
  /// A few lines in words.
  public var description: String {
    var lines: [String] = []
    if let method {
      lines.append("userfaultfd is available (opened by \(Attempt(method: method, errno: nil))).")
      lines.append(
        systemCallsMayWrite
          ? "System calls may write into protected memory."
          : "System calls that write into protected memory fail with EFAULT: call "
            + "prepareToWrite(_:) first, or allow /dev/userfaultfd.")
    } else {
      lines.append(
        "userfaultfd is not available: " + UserfaultSupport.advice(after: attempts) + ".")
    }
    for attempt in attempts where attempt.errno != nil { lines.append("  \(attempt)") }
    // Without a descriptor, the kernel could not be asked.
    for known in Features.known where method != nil {
      let state = features.contains(known.feature) ? "yes" : "no "
      lines.append("  \(state) \(known.name) (\(known.since))")
    }
    lines.append("Shared-memory regions: \(supports(.sharedMemory) ? "yes" : "no").")
    lines.append("Anonymous regions: \(supports(.anonymous) ? "yes" : "no").")
    return lines.joined(separator: "\n")
  }
}

internal import MemoryAccounting

/// Which processes may not be read, and what that hides.
struct DeniedNote {
  let text: String

  /// `nil` if there is none.
  init?(_ denied: [ProcessMemory], units: ByteUnit) {
    guard !denied.isEmpty else { return nil }
    let shown = denied.prefix(3).map { "\($0.id) (\($0.process.name.printable))" }
    let more = denied.count > shown.count ? " and \(denied.count - shown.count) more" : ""
    let resident = denied.reduce(0) { $0 + ($1.memory.resident.bytes ?? 0) }
    text =
      "\(shown.joined(separator: ", "))\(more) may not be read: the totals leave "
      + "\(denied.count == 1 ? "its" : "their") \(units.text(resident)) of resident memory out"
  }
}

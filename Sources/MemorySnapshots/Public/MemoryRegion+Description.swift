extension MemoryRegion: CustomStringConvertible {
  /// Size, place, options and the number of snapshots that live.
  public var description: String {
    let address = unsafe String(UInt(bitPattern: baseAddress), radix: 16)
    let live =
      isInForkedChild ? "of the parent process" : "\(statistics.snapshotsLive) snapshots live"
    return "MemoryRegion(\(ByteText(byteCount)) at 0x\(address), \(options), \(live))"
  }
}

extension MemorySnapshot: CustomStringConvertible {
  /// Its number among the region's snapshots, whether it can be read, and the region.
  public var description: String {
    "MemorySnapshot(number \(reader.epoch), \(condition), of \(region))"
  }

  private var condition: String {
    if isInvalidated { return "invalidated" }
    return record.value.usage.isReleased ? "released" : "live"
  }
}

extension SnapshotView: CustomStringConvertible {
  /// Size, place and the snapshot.
  public var description: String {
    let address = unsafe withUnsafeBytes { UInt(bitPattern: $0.baseAddress) }
    return "SnapshotView(at 0x\(String(address, radix: 16)), of \(snapshot))"
  }
}

/// What a region has done and what it keeps. All figures but the current ones count from the
/// region's creation; `since(_:)` gives those of an interval.
public struct RegionStatistics: Sendable, Hashable, Codable {
  /// Snapshots taken.
  public var snapshotsTaken = 0
  /// Snapshots that are neither released nor invalidated, now.
  public var snapshotsLive = 0
  /// Snapshots given up because the store was full.
  public var snapshotsInvalidated = 0
  /// Write faults resolved.
  public var writeFaults = 0
  /// Messages about a page that was resolved already, or being resolved.
  public var duplicateMessages = 0
  /// Faults put aside while a snapshot was taken, or for want of memory, and repeated.
  public var parkedFaults = 0
  /// Pages copied, by cause.
  public var pagesCopied = PagesCopied()
  /// Hot pages.
  public var hotPages = HotPages()
  /// Pages preserved ahead of sequential writers.
  public var pagesAhead = Ahead()
  /// Pre-images that were all zeros and needed no memory.
  public var zeroPages = 0
  /// Bytes of pre-images kept now, each with all its copies in views that the kernel copies pages for:
  /// what `storeLimit` bounds.
  public var preservedBytes = 0
  /// The most bytes of pre-images kept at any time.
  public var mostPreservedBytes = 0
  /// Bytes that readers have brought into open views which are filled as they are read
  /// (`SnapshotView`), now. `storeLimit` does not bound them: at most the region's size for each view.
  public var residentViewBytes = 0
  /// Bytes of memory held now by the store that this region shares with the others of its handler: in
  /// use, and ready for use.
  public var poolBytes = 0
  /// The pause.
  public var protectTime = ProtectTime()
  /// How long the handler took for each fault, from reading its message to waking the writer.
  public var faultServiceTime = LatencyHistogram()

  /// Nothing done, nothing kept: to be filled in, by tests of code that reads statistics.
  public init() {}
}

extension RegionStatistics {
  /// Pages whose pre-image was copied, by cause.
  public struct PagesCopied: Sendable, Hashable, Codable {
    /// A thread wrote to a protected page.
    public var byFaults: Int
    /// A thread was seen to write page after page, and the pages before it were copied too.
    public var ahead: Int
    /// The page had been written to in interval after interval, and was copied right after the
    /// snapshot.
    public var whileHot: Int
    /// `prepareToWrite(_:)` or `discard(_:)`.
    public var byIntent: Int
    /// Copies made by the kernel in a view, or into one when it was made.
    public var byViews: Int
    /// `restore(to:)`, on behalf of newer snapshots.
    public var byRestores: Int

    /// Numbers of pages, by cause.
    public init(
      byFaults: Int = 0, ahead: Int = 0, whileHot: Int = 0, byIntent: Int = 0, byViews: Int = 0,
      byRestores: Int = 0
    ) {
      self.byFaults = byFaults
      self.ahead = ahead
      self.whileHot = whileHot
      self.byIntent = byIntent
      self.byViews = byViews
      self.byRestores = byRestores
    }
  }

  /// How often copying ahead of sequential writers was right.
  public struct Ahead: Sendable, Hashable, Codable {
    /// Pages preserved ahead that the writer reached.
    public var used: Int
    /// Pages preserved ahead of a writer that stopped or turned elsewhere before it reached them
    /// all; some of these may have been written to.
    public var wasted: Int

    /// Numbers of pages.
    public init(used: Int = 0, wasted: Int = 0) {
      self.used = used
      self.wasted = wasted
    }
  }

  /// How well the pages that are written to in every interval are known, now.
  public struct HotPages: Sendable, Hashable, Codable {
    /// Of the pages preserved as hot, the share that was written to, in per cent: measured in every
    /// fourth interval, in which none is. `nil` before the first.
    public var hitPercentage: Int?
    /// The most pages preserved as hot after a snapshot.
    public var budget: Int

    /// A share in per cent, and a number of pages.
    public init(hitPercentage: Int? = nil, budget: Int = 0) {
      self.hitPercentage = hitPercentage
      self.budget = budget
    }
  }

  /// How long write protection took: the pause of those who write to protected pages meanwhile.
  public struct ProtectTime: Sendable, Hashable {
    /// The newest snapshot.
    public var last: Duration
    /// All snapshots together.
    public var total: Duration
    /// The worst snapshot.
    public var worst: Duration

    /// Three times.
    public init(last: Duration = .zero, total: Duration = .zero, worst: Duration = .zero) {
      self.last = last
      self.total = total
      self.worst = worst
    }
  }
}

extension RegionStatistics.ProtectTime: Codable {
  private enum CodingKeys: String, CodingKey {
    case lastNanoseconds
    case totalNanoseconds
    case worstNanoseconds
  }

  /// Decodes what `encode(to:)` has written.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      last: .wholeNanoseconds(try container.decode(UInt64.self, forKey: .lastNanoseconds)),
      total: .wholeNanoseconds(try container.decode(UInt64.self, forKey: .totalNanoseconds)),
      worst: .wholeNanoseconds(try container.decode(UInt64.self, forKey: .worstNanoseconds)))
  }

  /// Encodes the times in nanoseconds.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(last.wholeNanoseconds, forKey: .lastNanoseconds)
    try container.encode(total.wholeNanoseconds, forKey: .totalNanoseconds)
    try container.encode(worst.wholeNanoseconds, forKey: .worstNanoseconds)
  }
}

extension RegionStatistics: CustomStringConvertible {
  /// A few lines in words.
  public var description: String {
    """
    snapshots: \(snapshotsTaken) taken, \(snapshotsLive) live, \(snapshotsInvalidated) invalidated
    write faults: \(writeFaults), duplicate messages: \(duplicateMessages), put aside: \
    \(parkedFaults)
    pages copied: \(pagesCopied.byFaults) by faults, \(pagesCopied.ahead) ahead of them \
    (\(pagesAhead.wasted) in vain), \(pagesCopied.byIntent) by intent, \
    \(pagesCopied.byViews) by views, \(pagesCopied.byRestores) by restores; \(zeroPages) were zero
    preserved: \(ByteText(preservedBytes)) now, \(ByteText(mostPreservedBytes)) at most; read into \
    views: \(ByteText(residentViewBytes)); pool: \(ByteText(poolBytes))
    pause: \(TimeText(protectTime.last)) last, \(TimeText(protectTime.worst)) worst, \
    \(TimeText(protectTime.total)) in total
    fault service: p50 \(TimeText(faultServiceTime.p50)), p99 \(TimeText(faultServiceTime.p99)), \
    max \(TimeText(faultServiceTime.maximum))
    """
  }
}

extension MemoryRegion {
  /// What the memory of a region is made of.
  public enum Backing: String, Sendable, Hashable, Codable, CaseIterable {
    /// A memory file, mapped shared (memfd_create(2)). Two views at a time cost nothing until pages are
    /// written to, others copy pages as they are read. Needs Linux 5.19.
    case sharedMemory
    /// Private memory, huge pages allowed. Where it is in huge pages (madvise(2), MADV_HUGEPAGE, and what
    /// /sys/kernel/mm/transparent_hugepage/enabled allows), the first snapshot is some hundred times
    /// cheaper than in small ones, and the first write to each 2 MiB pays for splitting the huge page;
    /// in small pages, it costs as much as shared memory does. A view copies pages as they are read.
    /// Needs Linux 5.7.
    case anonymous
  }

  /// Who resolves a write fault.
  public enum FaultDelivery: String, Sendable, Hashable, Codable, CaseIterable {
    /// A thread of the library's. Works for every access, system calls included, but for the kernel's own
    /// stores to a private futex, which fail (keep locks out of regions).
    case handlerThread
    /// The faulting thread itself, in a SIGBUS handler. Fastest. A system call that writes into a
    /// protected page fails with EFAULT (call `prepareToWrite(_:)` first), and a thread that blocks
    /// SIGBUS is killed by the kernel. The application's own handler of SIGBUS goes in before the first
    /// such region, or calls the action that it found.
    case inline
  }

  /// What happens when a pre-image is needed and the store is full.
  public enum StorePolicy: String, Sendable, Hashable, Codable, CaseIterable {
    /// The oldest snapshot without an open view is given up; reading it throws
    /// `SnapshotError.Code.invalidated`. Live memory never stops: while the only ones that could be given
    /// up are being read or rolled back to, writers wait; but if that does not come on for 50 ms (a signal
    /// handler that writes may have interrupted it), the limit gives way until it is over.
    case invalidateOldestSnapshot
    /// Writers wait until a snapshot is released: in the middle of a store, with whatever locks they hold.
    /// A task that writes keeps its thread meanwhile. If the snapshot is to be released by a task for
    /// which no thread is left, or by a thread that needs a lock of a waiting writer, all wait for ever:
    /// release from a thread that depends on no writer. A signal handler that writes waits, too, though it
    /// may have interrupted whoever is to release.
    case blockWriters
  }

  /// How a region is made.
  public struct Options: Sendable, Hashable {
    /// What the memory is made of.
    public var backing: Backing
    /// Who resolves a write fault.
    public var faultDelivery: FaultDelivery
    /// The most bytes of pre-images kept for the region's snapshots, their copies in views included
    /// (`RegionStatistics.preservedBytes`); `nil` for no limit. What snapshots with open views need
    /// may exceed it, and what is written while it gives way (`StorePolicy.invalidateOldestSnapshot`).
    /// Pages that readers bring into views are not under it.
    public var storeLimit: Int?
    /// What happens when the store is full, be it by `storeLimit`, for want of memory, or because more
    /// would come too near the limit of a memory control group (cgroups(7)).
    public var whenStoreIsFull: StorePolicy
    /// Whether protection stays when the last snapshot goes. If so, the next one costs only as much
    /// as was written to meanwhile, and `changedRanges(since:)` also knows what has changed since a
    /// snapshot that was released; writes go on faulting, once per page and snapshot. If not,
    /// protection is lifted in the background, 64 MiB at a time.
    public var tracksChangesWhenIdle: Bool
    /// Whether pages before a writer that goes through the region page after page are preserved
    /// before it reaches them.
    public var preservesAhead: Bool
    /// Whether pages that are written to in every interval are preserved in the background right
    /// after a snapshot, before their writers come back.
    public var preservesHotPages: Bool
    /// Whether the region gets a fault handler thread and a store of its own, apart from those that
    /// all others share.
    public var hasOwnHandler: Bool
    /// How many threads resolve the region's faults, if not the faulting threads do. More than one
    /// implies `hasOwnHandler`; worth it for many writers on many cores.
    public var handlerThreadCount: Int

    /// The defaults, but for what is given.
    public init(
      backing: Backing = .sharedMemory,
      faultDelivery: FaultDelivery = .handlerThread,
      storeLimit: Int? = nil,
      whenStoreIsFull: StorePolicy = .invalidateOldestSnapshot,
      tracksChangesWhenIdle: Bool = false,
      preservesAhead: Bool = true,
      preservesHotPages: Bool = true,
      hasOwnHandler: Bool = false,
      handlerThreadCount: Int = 1
    ) {
      self.backing = backing
      self.faultDelivery = faultDelivery
      self.storeLimit = storeLimit
      self.whenStoreIsFull = whenStoreIsFull
      self.tracksChangesWhenIdle = tracksChangesWhenIdle
      self.preservesAhead = preservesAhead
      self.preservesHotPages = preservesHotPages
      self.hasOwnHandler = hasOwnHandler
      self.handlerThreadCount = handlerThreadCount
    }
  }
}

extension MemoryRegion.Options: Codable {
  private enum CodingKeys: String, CodingKey, CaseIterable {
    case backing
    case faultDelivery
    case storeLimit
    case whenStoreIsFull
    case tracksChangesWhenIdle
    case preservesAhead
    case preservesHotPages
    case hasOwnHandler
    case handlerThreadCount
  }

  /// Any key: to find those that no option has.
  private struct Key: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init?(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  /// Decodes the options that are there; the others have their defaults.
  ///
  /// - Throws: `DecodingError` for a value that makes no sense, and for a key that is no option's name: a
  ///   limit that is misspelt is not to be lost.
  public init(from decoder: any Decoder) throws {
    for key in try decoder.container(keyedBy: Key.self).allKeys
    where CodingKeys(stringValue: key.stringValue) == nil {
      let names = CodingKeys.allCases.map(\.rawValue).joined(separator: ", ")
      throw DecodingError.dataCorrupted(
        DecodingError.Context(
          codingPath: decoder.codingPath + [key],
          debugDescription: "There is no option '\(key.stringValue)'; there are \(names)."))
    }
    let container = try decoder.container(keyedBy: CodingKeys.self)
    func value<Value: Decodable>(_ key: CodingKeys, _ standard: Value) throws -> Value {
      try container.decodeIfPresent(Value.self, forKey: key) ?? standard
    }
    let standard = Self()
    self.init(
      backing: try value(.backing, standard.backing),
      faultDelivery: try value(.faultDelivery, standard.faultDelivery),
      storeLimit: try container.decodeIfPresent(Int.self, forKey: .storeLimit),
      whenStoreIsFull: try value(.whenStoreIsFull, standard.whenStoreIsFull),
      tracksChangesWhenIdle: try value(.tracksChangesWhenIdle, standard.tracksChangesWhenIdle),
      preservesAhead: try value(.preservesAhead, standard.preservesAhead),
      preservesHotPages: try value(.preservesHotPages, standard.preservesHotPages),
      hasOwnHandler: try value(.hasOwnHandler, standard.hasOwnHandler),
      handlerThreadCount: try value(.handlerThreadCount, standard.handlerThreadCount))
  }
}

extension MemoryRegion.Options: CustomStringConvertible {
  /// The backing and the delivery of faults, and what differs from the defaults.
  public var description: String {
    var parts = [backing.rawValue, faultDelivery.rawValue]
    if let storeLimit { parts.append("storeLimit \(ByteText(storeLimit))") }
    if whenStoreIsFull != .invalidateOldestSnapshot { parts.append(whenStoreIsFull.rawValue) }
    if tracksChangesWhenIdle { parts.append("tracksChangesWhenIdle") }
    if !preservesAhead { parts.append("not preservesAhead") }
    if !preservesHotPages { parts.append("not preservesHotPages") }
    if handlerThreadCount > 1 {
      parts.append("\(handlerThreadCount) handler threads")
    } else if hasOwnHandler {
      parts.append("hasOwnHandler")
    }
    return parts.joined(separator: ", ")
  }
}

/// What became of a process when its memory was to be read.
public enum ProcessCondition: String, Codable, Sendable {
  /// It was read.
  case read
  /// It belongs to somebody else, or is protected: only its resident size is known.
  case denied
  /// It ended, or became another program, before it had been read.
  case gone
  /// It has ended already and has no memory; its parent has not collected it yet.
  case zombie
  /// It is a thread of the kernel, which has no memory of its own.
  case kernelThread
}

/// One mapping of a process.
public struct MappingMemory: Codable, Sendable, Hashable {
  /// The addresses.
  public let addresses: Range<UInt64>
  /// The permissions, as in /proc/PID/maps: "rw-p".
  public let permissions: String
  /// The file's path, or the kernel's name for the mapping ("[heap]"); empty for other anonymous
  /// memory.
  public let name: String
  /// What it consists of.
  public let memory: MemoryBreakdown
  /// Pages that are not the parent's; as for the process.
  public let differing: MemoryFigure?
  /// Whose own those are; as for the process.
  public let writers: Writers?
}

/// How much memory one process uses, and how much of it would be copied when written.
///
/// The figures come from /proc/PID/pagemap and are those of a moment during the call: of a process
/// that runs meanwhile, different pages are seen at different moments.
public struct ProcessMemory: Codable, Sendable, Identifiable {
  /// The process as the kernel lists it.
  public let process: ProcessEntry
  /// Whether it could be read.
  public let condition: ProcessCondition
  /// What its memory consists of. Of a process that has gone, or that may not be read, all figures
  /// are denied, but for the resident size of the latter.
  public let memory: MemoryBreakdown
  /// Pages that are not the ones that the parent has at the same addresses of the same memory.
  ///
  /// One of the two has written there since the fork, or mapped new memory, or the page was pinned at the
  /// fork and copied for that: that they differ says nothing of who did. `nil` unless the parent was read
  /// too and neither has started another program since.
  public let differing: MemoryFigure?
  /// Pages of the process's own where its parent has none, or something else, mapped; `nil` as for
  /// `differing`.
  public let fresh: MemoryFigure?
  /// Whose own the pages are that differ, as a rule by writing to them; `nil` unless that was asked for and
  /// frame numbers are shown, and as for `differing`.
  public let writers: Writers?
  /// The proportional set sizes; `nil` unless they were asked for.
  public let proportional: ProportionalMemory?
  /// What this process uses together with all that descend from it and were read too; `nil` unless
  /// totals of subtrees were asked for.
  public let subtree: GroupTotal?
  /// What would be free if this process alone were killed.
  public let freed: FreedMemory
  /// The process, read too, whose address space this one shares (CLONE_VM): the figures of both are
  /// of the same memory.
  public let sharesMemoryWith: Int32?
  /// The mappings, in the order of their addresses; empty unless they were asked for.
  public let mappings: [MappingMemory]

  /// The process's number.
  public var id: Int32 { process.pid }

  /// The address space in cells; `nil` unless a picture was asked for, and if there is nothing to see.
  public let picture: AddressSpacePicture?

  init(
    process: ProcessEntry, condition: ProcessCondition, memory: MemoryBreakdown,
    differing: MemoryFigure? = nil, fresh: MemoryFigure? = nil, writers: Writers? = nil,
    proportional: ProportionalMemory? = nil, subtree: GroupTotal? = nil,
    freed: FreedMemory = .denied, sharesMemoryWith: Int32? = nil, mappings: [MappingMemory] = [],
    picture: AddressSpacePicture? = nil
  ) {
    self.process = process
    self.condition = condition
    self.memory = memory
    self.differing = differing
    self.fresh = fresh
    self.writers = writers
    self.proportional = proportional
    self.subtree = subtree
    self.freed = freed
    self.sharesMemoryWith = sharesMemoryWith
    self.mappings = mappings
    self.picture = picture
  }
}

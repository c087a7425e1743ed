internal import SystemPackage

/// Reads processes: lists their address spaces, groups them into families, reads each family and
/// adds up the totals.
struct TreeMeasurement {
  private let entries: [ProcessEntry]
  private let options: AccountingOptions

  /// A process that ends while it is read leaves pages counted that are no longer there: then all is
  /// read again without it, this often at most.
  private static let attempts = 3

  init(_ entries: [ProcessEntry], options: AccountingOptions) {
    self.entries = entries
    self.options = options
  }

  func measure() throws(AccountingError) -> ProcessTree {
    let system = try SystemMemory()
    var gone: Set<Int32> = []
    for attempt in 1...Self.attempts {
      let listing = try AddressSpaceListing(entries, except: gone)
      let hierarchy = Hierarchy(entries, listing, options.totals)
      let session = try Session(system: system, options: options, hierarchy: hierarchy)
      let lost = try read(listing, session)
      let ended = lost.filter(\.process.hasEnded)
      if lost.isEmpty || attempt == Self.attempts {
        let report = TreeReport(session, listing, lost: lost)
        return report.tree(of: entries)
      }
      // One that has only become another program is there to be read next time.
      for space in ended { gone.insert(space.process.pid) }
    }
    preconditionFailure("the last attempt returns")
  }

  /// Reads every family; returns the address spaces that ceased to be meanwhile.
  private func read(
    _ listing: AddressSpaceListing, _ session: Session
  ) throws(AccountingError) -> [AddressSpace] {
    var lost: [AddressSpace] = []
    for family in listing.families {
      var open: [AddressSpace] = []
      for space in family {
        do throws(AddressSpace.Obstacle) {
          try space.open(
            limits: options.addresses, countsMappings: options.includesMappings)
          open.append(space)
        } catch {
          switch error {
          case .denied: listing.deny(space)
          case .gone: lost.append(space)
          case .tooManyOpenFiles: throw .tooManyOpenFiles(family.count)
          }
        }
      }
      if options.pictureCells > 0 {
        for space in open { space.cells = CellCounts(limit: options.pictureCells) }
      }
      FamilyReader(open, session: session).read()
      for space in open {
        if options.includesProportional { space.readSums(knowsShares: session.shares != nil) }
        space.close()
        if space.isGone { lost.append(space) }
      }
    }
    MappingResolution.resolveHugeBlocks(session)
    return lost
  }
}

extension AccountingError {
  static func tooManyOpenFiles(_ count: Int) -> AccountingError {
    AccountingError(
      .tooManyOpenFiles, errno: Errno.tooManyOpenFiles.rawValue,
      "\(count) related processes need as many open files at once: raise the limit (ulimit -n)")
  }
}

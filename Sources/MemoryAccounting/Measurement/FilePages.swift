/// Who has which pages of which files, for readers who may not see frames: a page of the page cache is
/// known by its file and its place in it.
struct FilePages {
  private struct Key: Hashable {
    let device: UInt64
    let inode: UInt64
    let stretch: UInt64
  }

  private static let pagesPerStretch: UInt64 = 4096
  private static let none = Key(device: 0, inode: 0, stretch: .max)

  let sets: SharerSets
  private var stretches: [Key: [UInt32]] = [:]
  private var latest = FilePages.none
  private var slots: [UInt32] = []

  init(_ groups: Groups) { sets = SharerSets(groups) }

  /// Notes that an address space has a page of the file that `mapping` maps.
  mutating func see(
    page: UInt64, of mapping: Mapping, _ marks: SharerSets.Marks, in space: Int
  ) {
    let stretch = page / Self.pagesPerStretch
    if latest.stretch != stretch || latest.inode != mapping.inode || latest.device != mapping.device
    {
      store()
      latest = Key(device: mapping.device, inode: mapping.inode, stretch: stretch)
      slots =
        stretches.removeValue(forKey: latest)
        ?? Array(repeating: 0, count: Int(Self.pagesPerStretch))
    }
    let index = Int(page % Self.pagesPerStretch)
    slots[index] = sets.adding(space, marks, isCounted: false, to: slots[index])
  }

  private mutating func store() {
    if !slots.isEmpty { stretches[latest] = slots }
    slots = []
    latest = Self.none
  }
}

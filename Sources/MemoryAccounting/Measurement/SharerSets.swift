/// The sets of address spaces that have a page in common: a number for each, and how many pages have it.
///
/// A page's set grows with each address space that is seen to have the page. Neighbouring pages mostly
/// have the same sharers, so there are few sets, and the step from one to the next is mostly that of the
/// page before. Totals of every group of processes follow from the sets alone, when all pages have been
/// seen: no page is looked at once for each group.
@safe
final class SharerSets {
  /// What a page was seen as; marks add up.
  struct Marks: OptionSet {
    let rawValue: UInt8
    /// Anonymous memory that several address spaces map.
    static let shared = Marks(rawValue: 1 << 0)
    /// Somebody here would make a copy when writing to it.
    static let copyOnWrite = Marks(rawValue: 1 << 1)
    /// A page of a file or of shared memory.
    static let file = Marks(rawValue: 1 << 2)
    /// Not kept by the last who writes to it: somebody has it where it cannot be written, or it is
    /// merged.
    static let alwaysCopied = Marks(rawValue: 1 << 3)
    /// A page of shared memory.
    static let sharedMemory = Marks(rawValue: 1 << 4)
    /// Of an explicit huge page, which goes back to a pool of its own: nobody's end frees it.
    static let pooled = Marks(rawValue: 1 << 5)
  }

  /// A set: another one and an address space that came to it.
  private struct Entry {
    let before: UInt32
    /// The address space, and what it added: the key of the step.
    let key: UInt32
    /// The innermost group that all the address spaces belong to.
    let home: UInt32
    /// How many references were counted.
    let references: UInt32
    let marks: Marks
  }

  /// A step, and how many pages have made it that are not counted yet.
  private struct Step {
    var from: UInt32 = 0
    var key: UInt32 = .max
    var to: UInt32 = 0
    var run = 0
  }

  private let groups: Groups
  // In memory of their own, for the loop over pages: no checks of exclusive access, no reference counts.
  private let latest: UnsafeMutablePointer<Step>
  /// Steps that were made before, each at the place that its hash gives it.
  private let recent: UnsafeMutablePointer<Step>
  private static let recentCount = 256
  /// How many pages have each set now.
  private var pages: UnsafeMutablePointer<Int>
  private var capacity = 1 << 8
  private var entries: [Entry]
  /// The numbers of the sets by what they were made of (open addressing, 0 is free).
  private var table: [UInt32] = Array(repeating: 0, count: 1 << 10)

  init(_ groups: Groups) {
    self.groups = groups
    unsafe latest = .allocate(capacity: 1)
    unsafe latest.initialize(to: Step())
    unsafe recent = .allocate(capacity: Self.recentCount)
    unsafe recent.initialize(repeating: Step(), count: Self.recentCount)
    unsafe pages = .allocate(capacity: capacity)
    unsafe pages.initialize(repeating: 0, count: capacity)
    // Number 0 is the set of nobody.
    entries = [Entry(before: 0, key: .max, home: 0, references: 0, marks: [])]
  }

  deinit {
    unsafe latest.deallocate()
    unsafe recent.deallocate()
    unsafe pages.deallocate()
  }

  /// The set of a page of which `set` were the sharers and that `space` is seen to have, too.
  @inline(__always)
  func adding(_ space: Int, _ marks: Marks, isCounted: Bool, to set: UInt32) -> UInt32 {
    let key =
      UInt32(truncatingIfNeeded: space) << 8 | (isCounted ? 0x80 : 0) | UInt32(marks.rawValue)
    if unsafe latest.pointee.from != set || latest.pointee.key != key { step(from: set, key) }
    unsafe latest.pointee.run &+= 1
    return unsafe latest.pointee.to
  }

  @inline(never)
  private func step(from set: UInt32, _ key: UInt32) {
    finishRun()
    let place = unsafe recent + Int(hash(set, key) & UInt64(Self.recentCount - 1))
    if unsafe place.pointee.from != set || place.pointee.key != key {
      unsafe place.pointee = Step(from: set, key: key, to: find(set, key), run: 0)
    }
    unsafe latest.pointee = place.pointee
  }

  private func finishRun() {
    let run = unsafe latest.pointee.run
    if run == 0 { return }
    unsafe pages[Int(latest.pointee.from)] -= run
    unsafe pages[Int(latest.pointee.to)] += run
    unsafe latest.pointee.run = 0
  }

  private func find(_ set: UInt32, _ key: UInt32) -> UInt32 {
    let old = entries[Int(set)]
    let marks = Marks(rawValue: UInt8(key & 0x7f))
    let isCounted = key & 0x80 != 0
    if set != 0, !isCounted, old.key >> 8 == key >> 8, old.marks.isSuperset(of: marks) {
      return set
    }
    var index = slot(set, key)
    while table[index] != 0 {
      let entry = entries[Int(table[index])]
      if entry.before == set, entry.key == key { return table[index] }
      index = (index + 1) & (table.count - 1)
    }
    let home = groups.home(of: Int(key >> 8))
    if entries.count == capacity { growPages() }
    entries.append(
      Entry(
        before: set, key: key,
        home: UInt32(set == 0 ? home : groups.tree.common(Int(old.home), home)),
        references: old.references &+ (isCounted ? 1 : 0), marks: old.marks.union(marks)))
    table[index] = UInt32(entries.count - 1)
    if entries.count * 2 > table.count { grow() }
    return UInt32(entries.count - 1)
  }

  private func hash(_ set: UInt32, _ key: UInt32) -> UInt64 {
    (UInt64(set) << 32 | UInt64(key)) &* 0x9e37_79b9_7f4a_7c15 >> 32
  }

  private func slot(_ set: UInt32, _ key: UInt32) -> Int {
    Int(hash(set, key) & UInt64(table.count - 1))
  }

  private func growPages() {
    let larger = UnsafeMutablePointer<Int>.allocate(capacity: capacity * 2)
    unsafe larger.initialize(from: pages, count: capacity)
    unsafe (larger + capacity).initialize(repeating: 0, count: capacity)
    unsafe pages.deallocate()
    unsafe pages = larger
    capacity *= 2
  }

  private func grow() {
    table = Array(repeating: 0, count: table.count * 2)
    for number in 1..<entries.count {
      var index = slot(entries[number].before, entries[number].key)
      while table[index] != 0 { index = (index + 1) & (table.count - 1) }
      table[index] = UInt32(number)
    }
  }

  func marks(of set: UInt32) -> Marks { entries[Int(set)].marks }
  func references(of set: UInt32) -> UInt64 { UInt64(entries[Int(set)].references) }
  /// The innermost group that all who have the page belong to.
  func home(of set: UInt32) -> Int { Int(entries[Int(set)].home) }

  /// How many pages have any of `wanted` and none of `unwanted`.
  func count(_ wanted: Marks? = nil, without unwanted: Marks = []) -> UInt64 {
    finishRun()
    var sum = 0
    for (number, entry) in entries.enumerated() where number > 0 {
      if let wanted, entry.marks.isDisjoint(with: wanted) { continue }
      if entry.marks.isDisjoint(with: unwanted) { sum += unsafe pages[number] }
    }
    return UInt64(sum)
  }

  /// Calls `add` so that the sum over each group, with all inside it, is the number of different pages
  /// that the group has.
  ///
  /// - Complexity: no more than O(references to pages · log groups), and mostly far less.
  func spread(_ add: (_ group: Int, _ pages: Int) -> Void) {
    finishRun()
    for (number, entry) in entries.enumerated() where number > 0 {
      let count = unsafe pages[number]
      if count == 0 { continue }
      var members: [Int] = []
      var next = entry
      while true {
        members += groups.leaves(of: Int(next.key >> 8))
        if next.before == 0 { break }
        next = entries[Int(next.before)]
      }
      groups.tree.spread(members) { add($0, $1 * count) }
    }
  }
}

/// Where the address spaces are in a tree of groups.
final class Groups {
  let tree: GroupTree
  /// For each address space, by its number, the groups that its processes are in, and the innermost that
  /// they all are in.
  private var places: [(leaves: [Int], home: Int)] = []

  init(_ tree: GroupTree) { self.tree = tree }

  /// Takes up an address space; returns its number.
  func add(_ leaves: [Int]) -> Int {
    let home = leaves.dropFirst().reduce(leaves.first ?? 0) { tree.common($0, $1) }
    places.append((leaves, home))
    return places.count - 1
  }

  func leaves(of space: Int) -> [Int] { places[space].leaves }
  func home(of space: Int) -> Int { places[space].home }
}

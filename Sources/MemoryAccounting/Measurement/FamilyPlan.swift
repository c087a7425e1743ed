/// In which order the address spaces of a family are added up, address by address, so that every group
/// that holds some of them gets its part of the whole: each address space once, from the inside out.
struct FamilyPlan {
  /// One thing to do with the tallies of a window.
  enum Step {
    case clear(_ buffer: Int)
    case add(space: Int, to: Int)
    case merge(_ buffer: Int, into: Int)
    case note(part: Int, _ buffer: Int)
  }

  /// The address spaces that a group has of the family, where they are several; or one of them.
  struct Part {
    let group: Int
    /// The group around it that has more of the family; `nil` for the whole family.
    let around: Int?
    /// The address spaces that are in no smaller part, and the parts inside.
    var spaces: [Int] = []
    var parts: [Int] = []
    /// How many address spaces it has in all.
    var count = 0
  }

  /// From the inside out: the last is the whole family.
  private(set) var parts: [Part] = []
  private(set) var steps: [Step] = []
  private(set) var bufferCount = 0
  private var free: [Int] = []

  /// Plans for address spaces that are in these groups.
  init(_ homes: [Int], _ tree: GroupTree) {
    let sorted = homes.indices.sorted { tree.places[homes[$0]] < tree.places[homes[$1]] }
    var groups = Set(homes)
    for (left, right) in zip(sorted, sorted.dropFirst()) {
      groups.insert(tree.common(homes[left], homes[right]))
    }
    let outside = groups.sorted { tree.places[$0] < tree.places[$1] }
    // The parts around the one that is looked at, the innermost last.
    var open: [Int] = []
    var around: [Int: Int] = [:]
    for group in outside {
      while let last = open.last, tree.common(last, group) != last { open.removeLast() }
      around[group] = open.last
      open.append(group)
    }
    var numbers: [Int: Int] = [:]
    for group in outside.reversed() {
      numbers[group] = parts.count
      parts.append(Part(group: group, around: around[group]))
    }
    for (space, group) in homes.enumerated() {
      guard let number = numbers[group] else { continue }
      parts[number].spaces.append(space)
    }
    for number in parts.indices {
      parts[number].count += parts[number].spaces.count
      guard let group = parts[number].around, let outer = numbers[group] else { continue }
      parts[outer].parts.append(number)
      parts[outer].count += parts[number].count
    }
    if homes.count > 1 { _ = plan(parts.count - 1) }
  }

  /// Plans a part of several address spaces; returns the buffer that it is added up in.
  private mutating func plan(_ number: Int) -> Int {
    let part = parts[number]
    // The largest part inside leaves its buffer, so that few are needed however deep they are nested.
    let largest = part.parts.max { parts[$0].count < parts[$1].count }
      .flatMap { parts[$0].count > 1 ? $0 : nil }
    let buffer: Int
    if let largest {
      buffer = plan(largest)
    } else {
      buffer = takeBuffer()
      steps.append(.clear(buffer))
    }
    for inner in part.parts where inner != largest {
      if parts[inner].count == 1 {
        for space in parts[inner].spaces { steps.append(.add(space: space, to: buffer)) }
      } else {
        let other = plan(inner)
        steps.append(.merge(other, into: buffer))
        free.append(other)
      }
    }
    for space in part.spaces { steps.append(.add(space: space, to: buffer)) }
    steps.append(.note(part: number, buffer))
    return buffer
  }

  private mutating func takeBuffer() -> Int {
    if let buffer = free.popLast() { return buffer }
    bufferCount += 1
    return bufferCount - 1
  }
}

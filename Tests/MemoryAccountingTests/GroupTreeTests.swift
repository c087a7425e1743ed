import Testing

@testable import MemoryAccounting

/// Numbers that are the same in every run.
private struct Dice: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return state ^ state >> 29
  }
}

@Suite("GroupTree")
struct GroupTreeTests {
  /// The groups around one, itself first, the slow way.
  private func way(_ group: Int, _ tree: GroupTree) -> [Int] {
    var way = [group]
    while let last = way.last, last != 0 { way.append(tree.parents[last]) }
    return way
  }

  private func random(_ count: Int, _ dice: inout Dice) -> GroupTree {
    // Long chains and bushes, numbered in no order.
    let names = [0] + Array(1..<count).shuffled(using: &dice)
    var parents = Array(repeating: 0, count: count)
    for index in 1..<count {
      let nearest = Bool.random(using: &dice) ? index - 1 : Int.random(in: 0..<index, using: &dice)
      parents[names[index]] = names[nearest]
    }
    return GroupTree(parents: parents)
  }

  @Test(
    "the innermost common group is found, whatever the tree",
    arguments: 1...20 as ClosedRange<UInt64>)
  func common(seed: UInt64) {
    var dice = Dice(state: seed)
    let tree = random(60, &dice)
    for left in 0..<60 {
      for right in 0..<60 {
        let around = Set(way(left, tree))
        #expect(tree.common(left, right) == way(right, tree).first { around.contains($0) })
      }
    }
  }

  @Test(
    "what is spread adds up to 1 for each group that has any of it",
    arguments: 1...20 as ClosedRange<UInt64>)
  func spreading(seed: UInt64) {
    var dice = Dice(state: seed)
    let tree = random(80, &dice)
    let members = (0..<12).map { _ in Int.random(in: 0..<80, using: &dice) }
    var sums = Array(repeating: 0, count: 80)
    tree.spread(members) { sums[$0] += $1 }
    tree.forEachOutwards { sums[$1] += sums[$0] }
    let having = Set(members.flatMap { way($0, tree) })
    #expect(sums == (0..<80).map { having.contains($0) ? 1 : 0 })
  }

  @Test("parents that go in a circle, or are not there, leave everything in the whole")
  func circles() {
    let tree = GroupTree(parents: [0, 2, 3, 1, 3, 99, 6])
    var sums = Array(repeating: 1, count: 7)
    tree.forEachOutwards { sums[$1] += sums[$0] }
    #expect(sums[0] == 7)
    #expect(tree.parents[6] == 0)
    #expect(tree.parents[5] == 0)
  }

  @Test("a chain of 100,000 groups takes steps by the logarithm")
  func chain() {
    let count = 100_000
    let tree = GroupTree(parents: [0] + (0..<count - 1))
    // Far more than could be walked one by one within the time limit of a test run.
    for group in 1..<count { #expect(tree.common(group, count - 1) == group) }
  }
}

@Suite("SharerSets")
struct SharerSetsTests {
  @Test(
    "each group has its pages once, whoever has them and in whatever order they are seen",
    arguments: 1...10 as ClosedRange<UInt64>)
  func totals(seed: UInt64) {
    var dice = Dice(state: seed)
    let parents = [0] + (1..<40).map { Int.random(in: max($0 - 3, 0)..<$0, using: &dice) }
    let groups = Groups(GroupTree(parents: parents))
    // Some address spaces belong to two groups, as that of a process and its vfork child does.
    let leaves = (0..<25).map { _ in
      (0..<Int.random(in: 1...2, using: &dice)).map { _ in Int.random(in: 0..<40, using: &dice) }
    }
    for list in leaves { _ = groups.add(list) }
    let sets = SharerSets(groups)
    var pages: [(set: UInt32, sharers: Set<Int>)] = Array(repeating: (0, []), count: 3000)
    for _ in 0..<20_000 {
      let page = Int.random(in: 0..<3000, using: &dice)
      let space = Int.random(in: 0..<25, using: &dice)
      pages[page].set = sets.adding(space, .shared, isCounted: true, to: pages[page].set)
      pages[page].sharers.insert(space)
    }
    var sums = Array(repeating: 0, count: 40)
    sets.spread { sums[$0] += $1 }
    groups.tree.forEachOutwards { sums[$1] += sums[$0] }
    var expected = Array(repeating: 0, count: 40)
    for page in pages where !page.sharers.isEmpty {
      var having: Set<Int> = []
      for leaf in page.sharers.flatMap({ leaves[$0] }) {
        var group = leaf
        while having.insert(group).inserted, group != 0 { group = parents[group] }
      }
      for group in having { expected[group] += 1 }
    }
    #expect(sums == expected)
    #expect(sets.count() == UInt64(pages.count { !$0.sharers.isEmpty }))
  }

  @Test("pages of the same sharers have one set")
  func few() {
    let groups = Groups(GroupTree(parents: [0, 0, 0, 0]))
    for leaf in 1...3 { _ = groups.add([leaf]) }
    let sets = SharerSets(groups)
    var pages: [UInt32] = Array(repeating: 0, count: 1000)
    for space in 0..<3 {
      for page in pages.indices where space < 2 || page % 2 == 0 {
        pages[page] = sets.adding(space, .shared, isCounted: true, to: pages[page])
      }
    }
    #expect(Set(pages).count == 2)
    #expect(sets.home(of: pages[0]) == 0)
    #expect(sets.references(of: pages[0]) == 3)
    #expect(sets.references(of: pages[1]) == 2)
  }
}

@Suite("FamilyPlan")
struct FamilyPlanTests {
  /// How often each address space is in each part, by following the steps.
  private func contents(_ plan: FamilyPlan) -> [Int: [Int: Int]] {
    var buffers: [[Int: Int]] = Array(repeating: [:], count: plan.bufferCount)
    var parts: [Int: [Int: Int]] = [:]
    for step in plan.steps {
      switch step {
      case .clear(let buffer): buffers[buffer] = [:]
      case .add(let space, let buffer): buffers[buffer][space, default: 0] += 1
      case .merge(let other, let buffer): buffers[buffer].merge(buffers[other], uniquingKeysWith: +)
      case .note(let part, let buffer): parts[plan.parts[part].group] = buffers[buffer]
      }
    }
    return parts
  }

  @Test("every part has each of its address spaces once, for steps by the number of those")
  func parts() {
    // 1 has 2 and 5; 2 has 3 and 4.
    let tree = GroupTree(parents: [0, 0, 1, 2, 2, 1])
    let plan = FamilyPlan([3, 4, 5, 1], tree)
    let expected = [1: [0: 1, 1: 1, 2: 1, 3: 1], 2: [0: 1, 1: 1]]
    #expect(contents(plan) == expected)
    #expect(plan.parts.last?.around == nil)
    #expect(plan.parts.filter { $0.count == 1 }.allSatisfy { $0.around != nil })
  }

  @Test("a chain of nested processes needs one buffer, and each of them is added once")
  func chain() {
    // The groups of 200 nested processes, and the one that each is alone in.
    let tree = GroupTree(parents: [0] + (0..<200) + (1...200))
    let plan = FamilyPlan(Array(201...400), tree)
    #expect(plan.bufferCount == 1)
    #expect(plan.steps.count < 3 * 200)
    #expect(contents(plan)[150]?.count == 51)
  }
}

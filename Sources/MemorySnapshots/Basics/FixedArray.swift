/// A row of elements in memory that neither moves nor grows.
///
/// Safe to use: an index is at least zero and less than `count`. Whoever computes it sees to that; debug
/// builds check. Like a `Reference`, it has one owner, who frees it, or the memory that it lies in,
/// after every user is gone. As there, elements that the fault path uses have a subscript of their own.
@safe
struct FixedArray<Element: ~Copyable> {
  /// For C functions.
  @unsafe let start: UnsafeMutablePointer<Element>
  let count: Int

  /// Allocates memory, and fills it with what `element` returns.
  init(count: Int, _ element: () -> Element) {
    unsafe start = .allocate(capacity: count)
    self.count = count
    for index in 0..<count { unsafe (start + index).initialize(to: element()) }
  }

  /// In zeroed memory of the caller's, which does not start at zero, where zeros are valid elements.
  @unsafe
  init(zeroed address: UInt, count: Int) {
    unsafe self.init(
      count: count, at: UnsafeMutablePointer(bitPattern: address).unsafelyUnwrapped)
  }

  init(count: Int, at start: UnsafeMutablePointer<Element>) {
    unsafe self.start = start
    self.count = count
  }

  subscript(index: Int) -> Element {
    unsafeAddress {
      assert(0 <= index && index < count)
      return unsafe UnsafePointer(start + index)
    }
    nonmutating unsafeMutableAddress {
      assert(0 <= index && index < count)
      return unsafe start + index
    }
  }

  /// A reference to an element.
  func reference(_ index: Int) -> Reference<Element> {
    assert(0 <= index && index < count)
    return unsafe Reference(at: start + index)
  }

  /// The first elements, of the same owner.
  func prefix(_ count: Int) -> FixedArray {
    assert(count <= self.count)
    return unsafe FixedArray(count: count, at: start)
  }

  /// Frees the array. Nobody uses it any more.
  @unsafe
  func free() {
    unsafe start.deinitialize(count: count)
    unsafe start.deallocate()
  }
}

extension FixedArray where Element: BitwiseCopyable {
  /// Moves elements to where others may stand, which they replace.
  func move(_ range: Range<Int>, to first: Int) {
    assert(0 <= first && first + range.count <= count)
    unsafe (start + first).update(from: start + range.lowerBound, count: range.count)
  }
}

extension FixedArray: @unchecked Sendable where Element: Sendable & ~Copyable {}

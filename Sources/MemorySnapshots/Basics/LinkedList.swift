/// What an element of a `LinkedList` carries for it.
struct Links<Element: ~Copyable> {
  var previous: Reference<Element>?
  var next: Reference<Element>?

  init() {}
}

extension Links: Sendable where Element: Sendable & ~Copyable {}

protocol Linked: ~Copyable {
  /// Neighbours in the list that the element is in.
  var links: Links<Self> { get set }
}

/// A list of elements that carry its links, so that nothing is allocated where nothing may be.
struct LinkedList<Element: Linked & ~Copyable> {
  private(set) var first: Reference<Element>?
  private(set) var last: Reference<Element>?
  private(set) var count = 0

  mutating func append(_ element: Reference<Element>) {
    element.value.links.previous = last
    element.value.links.next = nil
    if let last { last.value.links.next = element } else { first = element }
    last = element
    count += 1
  }

  mutating func remove(_ element: Reference<Element>) {
    let previous = element.value.links.previous
    let next = element.value.links.next
    if let previous { previous.value.links.next = next } else { first = next }
    if let next { next.value.links.previous = previous } else { last = previous }
    count -= 1
  }
}

extension LinkedList: Sendable where Element: Sendable & ~Copyable {}

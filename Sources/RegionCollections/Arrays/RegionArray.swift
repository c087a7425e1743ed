/// A handle of an array in a heap: elements one after another, found by their position.
///
/// The handle says where the array is; the heap or the snapshot that it is used with says when:
///
/// ```swift
/// let accounts = try heap.array(of: Account.self, named: "accounts")
/// try heap[accounts].append(Account(balance: 100, openedAt: 0))
/// let past = try heap.makeSnapshot()
/// heap[accounts][0].balance = 0
/// past[accounts][0].balance                       // 100
/// ```
///
/// It is a value of sixteen bytes, which may itself be an element, a field or a dictionary's value. Used
/// with another heap, or once its array was removed, it traps.
///
/// What bits an element may have is the caller's affair: the library copies bytes. Do not keep pointers or
/// references in a region, and of enumerations and Booleans only what was stored as such.
@frozen
public struct RegionArray<Element: BitwiseCopyable>: BitwiseCopyable, Hashable, Sendable {
  @usableFromInline let handle: ContainerHandle

  @inlinable
  init(_ handle: ContainerHandle) { self.handle = handle }
}

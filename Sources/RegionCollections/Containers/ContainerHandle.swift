/// Where a container is, and which one: what every typed handle holds.
///
/// The identity is random and lies in the container, too: a handle that has outlived its container, or
/// is used with another heap, is found out.
@usableFromInline
struct ContainerHandle: BitwiseCopyable, Hashable, Sendable {
  @usableFromInline var offset: UInt64
  @usableFromInline var identity: UInt64

  @inlinable
  init(offset: UInt64, identity: UInt64) {
    self.offset = offset
    self.identity = identity
  }
}

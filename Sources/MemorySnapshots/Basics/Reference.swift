/// A reference to a value, without a count.
///
/// The fault path must not count references: a count is a write that every processor contends for, and
/// the last release frees memory. So what it works on has one owner, who allocates it and frees it.
///
/// Safe to use: the owner frees the value after every user of the reference is gone, and says beside
/// its `free()` why they are. Access to the value is the value's own matter: its variables say which
/// lock guards them.
///
/// Each type that the fault path refers to has an accessor `value` of its own, beside its declaration: in
/// debug builds, a generic one of another file looks up metadata, which may allocate.
@safe
struct Reference<Value: ~Copyable> {
  /// For C functions, and for arithmetic.
  @unsafe let pointer: UnsafeMutablePointer<Value>

  /// Allocates memory for the value.
  init(_ value: consuming Value) {
    unsafe pointer = .allocate(capacity: 1)
    unsafe pointer.initialize(to: value)
  }

  /// Refers to a value in memory of the caller's, who does not call `free()`.
  init(at pointer: UnsafeMutablePointer<Value>) { unsafe self.pointer = pointer }

  /// The same by an address that is known to hold such a value, and is not zero.
  @unsafe
  init(address: UInt) {
    unsafe pointer = UnsafeMutablePointer(bitPattern: address).unsafelyUnwrapped
  }

  /// The address by which the kernel, or a word, remembers the value.
  var address: UInt {
    unsafe UInt(bitPattern: pointer)
  }

  var value: Value {
    unsafeAddress { unsafe UnsafePointer(pointer) }
    nonmutating unsafeMutableAddress { unsafe pointer }
  }

  /// Frees the value. Nobody uses it any more.
  @unsafe
  func free() {
    unsafe pointer.deinitialize(count: 1)
    unsafe pointer.deallocate()
  }
}

extension Reference: @unchecked Sendable where Value: Sendable & ~Copyable {}

extension Reference: Equatable where Value: ~Copyable {
  static func == (one: Reference, other: Reference) -> Bool {
    unsafe one.pointer == other.pointer
  }
}

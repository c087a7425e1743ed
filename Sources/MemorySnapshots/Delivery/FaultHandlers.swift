internal import Synchronization
internal import SystemPackage

/// The fault handlers of this process.
///
/// Safe to send: reached under the process's lock alone.
@safe
final class FaultHandlers: @unchecked Sendable {
  /// The one that serves every region without one of its own.
  weak var shared: FaultHandler?
  private var states: [UnsafeMutablePointer<HandlerState>] = unsafe []

  private init() {}

  /// Calls `body` with the handlers, under their lock.
  static func withAll<Result>(
    _ body: (FaultHandlers) throws(SnapshotError) -> Result
  ) throws(SnapshotError) -> Result {
    let memory: ProcessMemory
    do throws(Errno) {
      memory = try ProcessMemory.get()
    } catch {
      throw .systemCall("starting the fault handler", error)
    }
    let lock = memory.handlerLock
    lock.lock()
    defer { lock.unlock() }
    return try unsafe body(all(memory.faultHandlers))
  }

  /// What the word holds. Zero in a process that has not asked before, and in the child of a fork: the
  /// parent's handlers are only copies without threads there, and the references to them may have been
  /// in the middle of a change. Relaxed: under the lock.
  private static func all(_ word: UnsafeMutablePointer<Atomic<UInt>>) -> FaultHandlers {
    let address = unsafe word.pointee.load(ordering: .relaxed)
    if let known = unsafe UnsafeRawPointer(bitPattern: address) {
      return unsafe Unmanaged<FaultHandlers>.fromOpaque(known).takeUnretainedValue()
    }
    let all = FaultHandlers()
    let retained = unsafe Unmanaged.passRetained(all).toOpaque()
    unsafe word.pointee.store(UInt(bitPattern: retained), ordering: .relaxed)
    return all
  }

  /// Adds a handler. Whoever has the same numbers has lost them to somebody who closed them, and must
  /// not take this one's descriptors for its own.
  func add(_ state: UnsafeMutablePointer<HandlerState>) {
    for index in unsafe states.indices.reversed() {
      let other = unsafe states[index]
      guard unsafe other.pointee.shares(numbersWith: state.pointee) else { continue }
      // Releasing: pairs with the load in the threads' loop.
      unsafe other.pointee.isBlind.store(true, ordering: .releasing)
      unsafe other.pointee.store.pointee.callKeeper()
      // Its threads keep it for ever.
      unsafe states.remove(at: index)
    }
    unsafe states.append(state)
  }

  func remove(_ state: UnsafeMutablePointer<HandlerState>) {
    unsafe states.removeAll { unsafe $0 == state }
  }
}

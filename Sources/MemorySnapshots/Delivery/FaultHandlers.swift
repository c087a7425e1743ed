internal import Synchronization
internal import SystemPackage

/// The fault handlers of this process.
///
/// Safe to send: reached under the process's lock alone.
final class FaultHandlers: @unchecked Sendable {
  /// The one that serves every region without one of its own.
  weak var shared: FaultHandler?
  private var states: [Reference<HandlerState>] = []

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
    // A thread that is cancelled while it starts a handler, which reads files, would keep the lock.
    let saved = Kernel.blockSignals()
    defer { Kernel.restoreSignals(saved) }
    let lock = memory.handlerLock
    lock.lock()
    defer { lock.unlock() }
    return try body(all(memory.faultHandlers))
  }

  /// What the word holds. Zero in a process that has not asked before, and in the child of a fork: the
  /// parent's handlers are only copies without threads there, and the references to them may have been
  /// in the middle of a change. Relaxed: under the lock.
  private static func all(_ word: Reference<Word>) -> FaultHandlers {
    let address = word.value.bits.load(ordering: .relaxed)
    if let known = unsafe UnsafeRawPointer(bitPattern: UInt(address)) {
      return unsafe Unmanaged<FaultHandlers>.fromOpaque(known).takeUnretainedValue()
    }
    let all = FaultHandlers()
    let retained = unsafe Unmanaged.passRetained(all).toOpaque()
    word.value.bits.store(UInt64(UInt(bitPattern: retained)), ordering: .relaxed)
    return all
  }

  /// Adds a handler. Whoever has the same numbers has lost them to somebody who closed them, and must
  /// not take this one's descriptors for its own.
  func add(_ state: Reference<HandlerState>) {
    for index in states.indices.reversed() {
      let other = states[index]
      guard other.value.shares(numbersWith: state.value) else { continue }
      // Releasing: pairs with the load in the threads' loop.
      other.value.isBlind.store(true, ordering: .releasing)
      other.value.store.value.keeper.call()
      // Its threads keep it for ever.
      states.remove(at: index)
    }
    states.append(state)
  }

  func remove(_ state: Reference<HandlerState>) {
    states.removeAll { $0 == state }
  }
}

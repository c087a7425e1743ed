import CPeers
import Foundation
import Synchronization
import SystemPackage

/// One run of the store: the load in the calling thread, the saves on a queue of their own.
///
/// Unchecked, because the saver changes hands: `isSaving` gives it to the queue with a snapshot that
/// is to be saved, and back to the updating thread when that is done.
final class StoreRun: @unchecked Sendable {
  struct Save {
    /// From the request for the snapshot to the end of its save.
    var nanoseconds: UInt64
    var extraBytes: Int
  }

  private let saver: any StoreSaver
  private let target: FileDescriptor
  private let queue = DispatchQueue(label: "save")
  private let isSaving = Atomic(false)
  private let outcome = Mutex(Outcome())

  private struct Outcome {
    var saves: [Save] = []
    var failure: (any Error)?
  }

  /// Takes the descriptor over.
  init(_ saver: any StoreSaver, target: FileDescriptor) {
    self.saver = saver
    self.target = target
  }

  deinit {
    try? target.close()
  }

  /// Updates records until the time is over, with a snapshot every second.
  func update(
    _ records: UnsafeBufferPointer<UInt32>, recordSize: Int, duration: Int,
    _ latencies: LatencyRecorder
  ) -> cpeers_store_result {
    guard let first = records.baseAddress else { return cpeers_store_result() }
    var load = cpeers_store_load(
      base: saver.base, record_size: recordSize, records: first, record_count: records.count,
      duration: UInt64(duration), snapshot_interval: 1_000_000_000,
      take_snapshot: { context in
        Unmanaged<StoreRun>.fromOpaque(context).takeUnretainedValue().takeSnapshot() ? 1 : 0
      },
      context: Unmanaged.passUnretained(self).toOpaque())
    return cpeers_store_run(&load, latencies.recorder)
  }

  /// Waits for the last save and returns all of them.
  func finish() throws -> [Save] {
    queue.sync {}
    return try outcome.withLock { outcome in
      if let failure = outcome.failure { throw failure }
      return outcome.saves
    }
  }

  /// Returns whether to go on. A snapshot that is due while another is still being saved is left
  /// out, as databases do it.
  private func takeSnapshot() -> Bool {
    guard !isSaving.load(ordering: .acquiring) else { return true }
    let began = cpeers_now()
    do {
      guard let save = try saver.takeSnapshot(savingTo: target) else { return true }
      isSaving.store(true, ordering: .relaxed)
      nonisolated(unsafe) let handedOver = save
      queue.async { [self] in
        complete(handedOver, began)
        isSaving.store(false, ordering: .releasing)
      }
      return true
    } catch {
      outcome.withLock { $0.failure = error }
      return false
    }
  }

  private func complete(_ save: StoreSaver.Save, _ began: UInt64) {
    do {
      let extraBytes = try save()
      let elapsed = cpeers_now() - began
      outcome.withLock { $0.saves.append(Save(nanoseconds: elapsed, extraBytes: extraBytes)) }
    } catch {
      outcome.withLock { $0.failure = error }
    }
  }
}

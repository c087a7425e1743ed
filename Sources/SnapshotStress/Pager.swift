internal import CUserfault
internal import Foundation
internal import MemorySnapshots

/// Sends the memory of regions to the swap space, again and again.
final class Pager {
  private let arenas: [any StressArena]
  private let journal: StressJournal

  init(_ arenas: [any StressArena], _ journal: StressJournal) {
    self.arenas = arenas
    self.journal = journal
  }

  /// How long a page may stay, in microseconds.
  private static var pause: UInt32 { 20_000 }

  func run() {
    while !journal.isStopping {
      for arena in arenas {
        // Pages that are locked, or shared with another process, stay: that is no failure.
        _ = unsafe cuserfault_page_out(arena.region.baseAddress, arena.region.byteCount)
      }
      usleep(Pager.pause)
    }
  }
}

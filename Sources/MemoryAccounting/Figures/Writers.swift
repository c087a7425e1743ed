/// Who has written to the pages that differ between a process and its parent, as far as it is certain.
///
/// Where nothing was ever swapped out or merged. Two things look like writes and are not told from them:
/// the kernel itself copies, at the fork, a page that is pinned for input or output just then (both
/// processes then seem to have written to it); and of a huge page that somebody wrote to, or that
/// khugepaged put together, every page seems to have been written to when it has been split.
public struct Writers: Codable, Sendable, Hashable {
  /// Pages that the process has written to since it was forked.
  public let process: MemoryFigure
  /// Pages that the parent has written to since then; where both have, a page counts in both.
  public let parent: MemoryFigure
  /// Pages that one of the two has written to, or mapped, nobody knows which.
  public let unknown: MemoryFigure
}

/// Whose own the pages are that differ between a process and its parent: as a rule, whoever has written to a
/// page has one of its own since then.
///
/// There are other ways to a page of one's own. The kernel copies at the fork what is pinned for input or
/// output just then, and later what is to be pinned; of a huge page all is one's own that has written to
/// any of it, and after a swap or merging with equal pages also who only reads. So these figures say who
/// *has* a page of its own, not that it has written to each.
public struct Writers: Codable, Sendable, Hashable {
  /// Pages that are the process's own since it was forked: it has written to them, or has got them
  /// without. An estimate where there was ever swap space in use, or pages are merged: what came back
  /// to the last of its sharers, or was parted from its equals, is no page of its own making.
  public let process: MemoryFigure
  /// Pages that are the parent's own since then; where both have one, it counts in both.
  ///
  /// Always an estimate: a page that was pinned at the fork, or that the parent keeps from its children
  /// (`MADV_WIPEONFORK`, `MADV_DONTFORK`), was its own before and looks the same.
  public let parent: MemoryFigure
  /// Pages that are not known to be either's own: one of the two has forked again since it wrote, or
  /// they are in large folios.
  public let unknown: MemoryFigure
}

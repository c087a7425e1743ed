internal import Foundation
internal import MemoryAccounting

/// The texts that `cow top` shows in place of its table.
enum TopPanels {
  /// The picture of a process's address space.
  static func map(_ pid: Int32, columns: Int, units: ByteUnit) -> [String] {
    let text = MapText(
      columns: columns, style: Style(isEnabled: Terminal.hasColors), units: units)
    do throws(ToolError) {
      let (process, picture) = try Map.picture(of: pid, cells: text.cellLimit)
      return text.text(process, picture).split(
        separator: "\n", omittingEmptySubsequences: false
      ).map(String.init)
    } catch {
      return [Columns.fitted(error.message, columns)]
    }
  }

  /// What changed between two scans.
  static func difference(
    from earlier: ProcessTree?, at moment: SampleMoment, to later: ProcessTree?, columns: Int,
    units: ByteUnit
  ) -> [String] {
    guard let earlier, let later else {
      return [Columns.fitted("nothing has been read yet", columns)]
    }
    do {
      let samples = try [
        StatDocument(earlier, at: moment).jsonLine(), StatDocument(later).jsonLine(),
      ].map { try JSONDecoder().decode(SavedSample.self, from: Data($0.utf8)) }
      return DiffText(
        SampleDifference(from: samples[0], to: samples[1]), units: units,
        style: Style(isEnabled: Terminal.hasColors), columns: columns, mappingLimit: 10
      ).lines
    } catch {
      return [Columns.fitted("cannot compare: \(error)", columns)]
    }
  }
}

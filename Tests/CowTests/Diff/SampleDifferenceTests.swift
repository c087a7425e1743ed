import Foundation
import Testing

@testable import cow

@Suite("SampleDifference")
struct SampleDifferenceTests {
  private func sample(_ uptime: Double, _ processes: String, boot: String = "a") throws
    -> SavedSample
  {
    let text = """
      {"version":1,"time":"t\(uptime)","uptimeSeconds":\(uptime),"bootID":"\(boot)",
       "processes":[\(processes)],"total":{"distinctBytes":\(Int(uptime))}}
      """
    return try JSONDecoder().decode(SavedSample.self, from: Data(text.utf8))
  }

  private func process(
    _ pid: Int, start: Int = 1, name: String = "a", bytes: Int? = 0, mappings: String = ""
  ) -> String {
    """
    {"pid":\(pid),"name":"\(name)","startTicks":\(start),"condition":"read","estimates":[],
     "privateBytes":\(bytes.map(String.init) ?? "null"),"mappings":[\(mappings)]}
    """
  }

  private func mapping(_ start: Int, _ end: Int, _ name: String, _ bytes: Int) -> String {
    """
    {"start":\(start),"end":\(end),"permissions":"rw-p","name":"\(name)","privateBytes":\(bytes)}
    """
  }

  @Test("processes stay, appear and end; a pid that is used again is another process")
  func fates() throws {
    let difference = SampleDifference(
      from: try sample(10, [process(1, bytes: 5), process(2), process(3)].joined(separator: ",")),
      to: try sample(
        20, [process(1, bytes: 7), process(2, start: 9), process(4)].joined(separator: ",")))
    #expect(difference.matching == .process)
    #expect(difference.seconds == 10)
    let fates = difference.processes.map { "\($0.pid ?? 0) \($0.fate)" }
    #expect(fates == ["1 stayed", "2 appeared", "4 appeared", "2 ended", "3 ended"])
    #expect(difference.processes[0].change["privateBytes"] == 2)
    #expect(difference.total["distinctBytes"] == 10)
  }

  @Test("what was denied before or after has no difference")
  func denied() throws {
    let difference = SampleDifference(
      from: try sample(10, process(1, bytes: nil)), to: try sample(20, process(1, bytes: 7)))
    #expect(difference.processes[0].change["privateBytes"] == nil)
  }

  @Test(
    "mappings are the same by their start or, as the stack, by their end; never by address alone")
  func mappings() throws {
    let before = [
      mapping(4096, 8192, "[heap]", 1), mapping(20480, 24576, "[stack]", 2),
      mapping(32768, 36864, "x", 3), mapping(40960, 45056, "same", 4),
    ].joined(separator: ",")
    let after = [
      mapping(4096, 16384, "[heap]", 11), mapping(16384, 24576, "[stack]", 22),
      mapping(32768, 36864, "y", 33), mapping(40960, 45056, "same", 4),
    ].joined(separator: ",")
    let difference = SampleDifference(
      from: try sample(10, process(1, mappings: before)),
      to: try sample(20, process(1, mappings: after)))
    let changes = difference.processes[0].mappings.map {
      "\($0.name) \($0.fate) \($0.change["privateBytes"] ?? 0)"
    }
    #expect(changes == ["[heap] stayed 10", "[stack] stayed 20", "y appeared 33", "x ended -3"])
  }

  @Test(
    "where no process is in both, those of a name are summed; after another boot there is no rate")
  func byName() throws {
    let difference = SampleDifference(
      from: try sample(10, [process(1, bytes: 5), process(2, bytes: 6)].joined(separator: ",")),
      to: try sample(
        3, [process(1, bytes: 20), process(7, name: "b")].joined(separator: ","), boot: "b"))
    #expect(difference.matching == .name)
    #expect(difference.seconds == nil)
    #expect(difference.processes.map(\.name) == ["a", "b"])
    #expect(difference.processes[0].change["privateBytes"] == 9)
    #expect(difference.processes[1].fate == .appeared)
  }

  @Test("a process is not shown for what is not shown of it")
  func unshownChanges() throws {
    let after = process(1).replacing(#""estimates""#, with: #""proportionalBytes":1,"estimates""#)
    let difference = SampleDifference(
      from: try sample(10, [process(1), process(2)].joined(separator: ",")),
      to: try sample(10, [after, process(2, bytes: 7)].joined(separator: ",")))
    #expect(difference.processes[0].change.isChange)
    let text = DiffText(
      difference, units: .auto, style: Style(isEnabled: false), columns: 100, mappingLimit: 10)
    #expect(text.lines.contains("1 process did not change"))
    #expect(text.lines.contains { $0.hasPrefix("  2 ") && $0.contains("+7 B") })
    #expect(text.lines.contains("really used 10 B, as before"))
  }

  @Test("a moment of a recording is the latest sample that is no later")
  func moments() throws {
    let folder = try TemporaryFolder()
    let lines = try [10.0, 11, 12.5, 20].map { uptime in
      let text = """
        {"version":1,"time":"","uptimeSeconds":\(uptime),"processes":[],"total":{"distinctBytes":1}}
        """
      _ = try JSONDecoder().decode(SavedSample.self, from: Data(text.utf8))
      return text + "\n"
    }.joined()
    let recording = try Recording(try folder.makeFile("r", Data(lines.utf8)).path)
    #expect(recording.count == 4)
    for (seconds, uptime) in [(0, 10), (0.9, 10), (1, 11), (9.9, 12.5), (10, 20), (1e9, 20)] {
      #expect(try recording.sample(.after(seconds: seconds)).uptimeSeconds == uptime)
    }
    for (text, seconds) in [("90", 90), ("90s", 90), ("1.5m", 90), ("2h", 7200), ("1d", 86_400)]
      as [(String, Double)]
    {
      #expect(Diff.Moment(argument: text)?.seconds == seconds)
    }
    for text in ["", "m", "-1", "nan", "1w"] { #expect(Diff.Moment(argument: text) == nil) }
  }
}

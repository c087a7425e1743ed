import Foundation
import ScenarioSupport
import Testing

@testable import cow

@Suite("cow stat --prometheus")
struct PrometheusTests {
  /// A program that reads the format from standard input and fails if it is wrong: Prometheus's own,
  /// or the parser of its Python client; `nil` where neither is there.
  private static let parser: [String]? = {
    let script = """
      import sys
      from prometheus_client.parser import text_string_to_metric_families
      families = list(text_string_to_metric_families(sys.stdin.read()))
      assert families
      seen = set()
      for family in families:
          assert family.documentation and family.type == 'gauge', family
          for sample in family.samples:
              key = (sample.name, tuple(sorted(sample.labels.items())))
              assert key not in seen, key
              seen.add(key)
      """
    let candidates = [
      ["promtool", "check", "metrics"], ["python3", "-c", script],
      ["/usr/bin/python3", "-c", script],
    ]
    let probes = [
      ["promtool", "--version"], ["python3", "-c", "import prometheus_client.parser"],
      ["/usr/bin/python3", "-c", "import prometheus_client.parser"],
    ]
    for (candidate, probe) in zip(candidates, probes)
    where (try? Tool.run(program: "/usr/bin/env", probe).status) == 0 {
      return candidate
    }
    return nil
  }()

  private static let reason: Comment =
    "needs promtool (Debian: prometheus) or python3-prometheus-client"

  private func parse(_ text: String) throws -> Tool.Result {
    let folder = try TemporaryFolder()
    let file = try folder.makeFile("metrics", Data(text.utf8))
    let parser = try #require(Self.parser)
    return try Tool.run(
      program: "/bin/sh", ["-c", "exec \"$@\" < '\(file.path)'", "sh"] + parser)
  }

  @Test("is read by a real parser", .enabled(if: parser != nil, reason))
  func realParser() throws {
    let scenario = try Scenario("exec", "100")
    let result = try Tool.run("stat", "\(scenario.root)", "--prometheus")
    #expect(result.status == 0, "\(result.errors)")
    let parsed = try parse(result.output)
    #expect(parsed.status == 0, "\(parsed.output)\(parsed.errors)")
  }

  @Test("names that would break the format are escaped", .enabled(if: parser != nil, reason))
  func hostileNames() throws {
    var text = PrometheusText()
    let names = ["a\"b", "c\\", "d\ne", "{}", "ä", ""]
    text.add(
      PrometheusText.Gauge(
        name: "cow_test_bytes", help: "A \\ and\na line.",
        samples: names.map { ([("program", $0)], 1.5) }))
    let parsed = try parse(text.text)
    #expect(parsed.status == 0, "\(parsed.output)\(parsed.errors)")
    #expect(text.text.split(separator: "\n").count == 2 + names.count)
  }

  @Test("has HELP and TYPE for each metric, whole bytes, and no series without a value")
  func format() {
    var text = PrometheusText()
    text.add(
      PrometheusText.Gauge(
        name: "a_bytes", help: "A.",
        samples: [([("user", "x")], 12_345_678_901), ([("user", "y")], nil)]))
    text.add(PrometheusText.Gauge(name: "b_bytes", help: "B.", samples: [([], nil)]))
    text.add(PrometheusText.Gauge(name: "c_seconds", help: "C.", samples: [([], 0.25)]))
    #expect(
      text.text == """
        # HELP a_bytes A.
        # TYPE a_bytes gauge
        a_bytes{user="x"} 12345678901
        # HELP c_seconds C.
        # TYPE c_seconds gauge
        c_seconds 0.25

        """)
  }

  @Test("as many series as groups, and no more than were asked for; no pid among the labels")
  func bounded() throws {
    // Three programs: the scenario, what it has started, and this test.
    let scenario = try Scenario("exec", "100")
    let arguments = ["stat", "\(scenario.root)", "\(getpid())", "--only", "--name", "^exe$"]
    let result = try Tool.run(
      program: Tool.path, arguments + ["--prometheus", "--groups", "2"])
    #expect(result.status == 0, "\(result.errors)")
    let series = result.output.split(separator: "\n").filter { $0.hasPrefix("cow_processes{") }
    #expect(series.count == 2)
    #expect(series.contains { $0.contains("{program=\"(other)\"}") })
    let own = try Tool.run("stat", "\(scenario.root)", "--prometheus", "--by", "user")
    let processes = own.output.split(separator: "\n").filter { $0.hasPrefix("cow_processes{user=") }
    #expect(processes.count == 1)
    #expect(processes.first?.hasSuffix(" 3") == true)
    #expect(!own.output.contains("pid="))
  }

  @Test("values are bytes, those of cow stat")
  func values() throws {
    let scenario = try Scenario("fork", "2560", "3", "0", "0")
    let text = try Tool.run("stat", "\(scenario.root)", "--prometheus").output
    let group = try #require(
      try StatReport(
        try Tool.run("stat", "\(scenario.root)", "--by", "program", "--json").output
      ).groups?.first)
    let prefix = "cow_memory_used_bytes{program=\"accounting-scenarios\"} "
    let line = try #require(text.split(separator: "\n").first { $0.hasPrefix(prefix) })
    #expect(UInt64(line.dropFirst(prefix.count)) == group.distinctBytes)
    #expect((10 << 20..<20 << 20).contains(group.distinctBytes ?? 0))
  }

  @Test("contradictions are one clear line")
  func contradictions() throws {
    for arguments in [["--json"], ["--csv"], ["--groups", "0"]] {
      let result = try Tool.run(program: Tool.path, ["stat", "--prometheus"] + arguments)
      #expect(result.status == 64)
      #expect(result.errorLines.count == 1)
    }
    #expect(try Tool.run("stat", "--by", "program", "--maps").status == 64)
    #expect(try Tool.run("stat", "--by", "shoe size").status == 64)
  }
}

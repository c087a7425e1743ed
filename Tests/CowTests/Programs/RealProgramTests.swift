import Foundation
import MemoryAccounting
import PageCount
import Testing

/// Programs that people run, counted by the tool, by the library, and page by page by a program that
/// has nothing in common with either.
@Suite(
  "cow stat beside an independent count of real programs", .serialized,
  .enabled(if: PageCount.obstacle == nil, "needs \(PageCount.obstacle ?? "")"),
  .enabled(if: showsFrames, "needs frame numbers"),
  .enabled(if: canActAsNobody, "needs to run programs as an unprivileged user"))
struct RealProgramTests {
  @Test(
    "redis while it saves and its data changes",
    .enabled(if: Redis.server != nil, "needs redis-server"))
  func redis() throws {
    let redis = try Redis()
    try redis.command("DEBUG", "POPULATE", "40000", "key", "512")
    // The child that saves takes its time.
    try redis.command("CONFIG", "SET", "rdb-key-save-delay", "5000")
    try redis.command("BGSAVE")
    try redis.command(
      "EVAL", "for i = 0, 9999 do redis.call('set', 'key:' .. i, 'other') end", "0")
    try compare(redis.program, atLeast: 2)
  }

  @Test(
    "PostgreSQL with a dozen sessions",
    .enabled(if: PostgreSQL.server != nil, "needs postgresql"))
  func postgreSQL() throws {
    let server = try PostgreSQL()
    try server.run(
      "CREATE TABLE numbers AS SELECT n, md5(n::text) FROM generate_series(1, 50000) n")
    let sessions = try (1...12).map { _ in try server.session() }
    for (index, session) in sessions.enumerated() {
      try session.run("SELECT count(DISTINCT md5) FROM numbers WHERE n % 12 >= \(index)")
    }
    try compare(server.program, atLeast: 13)
  }

  @Test(
    "a Python server that forks its workers",
    .enabled(if: Gunicorn.interpreter != nil, "needs gunicorn"))
  func gunicorn() throws {
    let server = try Gunicorn(workers: 4)
    for share in [2, 4, 6, 8] { try server.request(share) }
    try compare(server.program, atLeast: 5)
  }

  /// Compares what is said of a program that stands still: as root to the page; without privilege,
  /// that no estimate is below what is certain.
  private func compare(_ program: RealProgram, atLeast processes: Int) throws {
    try program.standingStill { pids in
      #expect(pids.count >= processes)
      let count = try PageCount(pids)
      for space in count.processes {
        let kernel = try #require(space.kernelBytes["Pss"])
        // Cut to whole kilobytes, of shares that are each cut to the 4096th of a byte.
        let pages = Int(try #require(space.kernelBytes["Rss"])) / Int(sysconf(Int32(_SC_PAGESIZE)))
        // Ours is a sum of fractions, cut to whole bytes.
        let cut = 1024 + pages / 4096 + 1
        #expect((-1..<cut).contains(Int(space.proportionalBytes) - Int(kernel)))
      }
      let root = "\(program.pid)"
      let tool = try Tool.run("stat", root, "--json", "--pss")
      try #require(tool.status == 0, "\(tool.errors)")
      let exact = try Figures(json: tool.output)
      #expect(exact.exactness == "exact")
      // Shared memory that only these processes map may be kept by its name.
      let bounds: Set = ["freedAtMostBytes", "treeFreedAtMostBytes"]
      for process in exact.processes.values {
        #expect(process.estimates.isEmpty && process.bounds.isSubset(of: bounds))
      }
      exact.expectConsistent(with: count)

      var options = AccountingOptions()
      options.totals = .subtrees
      options.includesProportional = true
      Figures(try ProcessTree(root: program.pid, options: options)).expectConsistent(with: count)

      let unprivileged = try Tool.run(as: nobody, "stat", root, "--json", "--pss")
      try #require(unprivileged.status == 0, "\(unprivileged.errors)")
      try Figures(json: unprivileged.output).expectConsistent(with: count)
    }
  }
}

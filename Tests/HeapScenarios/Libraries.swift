import CHeapScenarios
import RegionCollections

func functions(of heap: borrowing RegionHeap) -> heap_functions {
  unsafe heap_functions(
    context: heap.mallocContext, allocate: RegionMalloc.allocate,
    reallocate: RegionMalloc.reallocate, free: RegionMalloc.free,
    usable_size: RegionMalloc.usableSize)
}

/// A Lua program is rolled back to the middle of its run, and finishes twice with the same result.
func runLua() throws {
  var heap = try RegionHeap(byteCount: 256 << 20)
  let program = """
    local words, sum = {}, 0
    local function add(n)
      for i = 1, n do
        words[#words + 1] = string.rep("x", i % 50) .. i
        sum = (sum * 31 + #words[#words]) % 1000003
      end
    end
    local adder = coroutine.wrap(function()
      while true do add(500); coroutine.yield() end
    end)
    for round = 1, 40 do
      adder()
      if round % 4 == 0 then words = {table.unpack(words, #words // 2 + 1, #words // 2 + 100)} end
      if round == 20 then coroutine.yield("half way: " .. sum) end
    end
    collectgarbage()
    return sum .. " " .. #words .. " " .. words[#words]
    """
  var isMissing: Int32 = 0
  var failure: UnsafePointer<CChar>?
  var list = unsafe functions(of: heap)
  guard let coroutine = unsafe heap_lua_start(&list, program, &isMissing, &failure) else {
    let sentence = unsafe failure.map { unsafe String(cString: $0) } ?? ""
    if isMissing != 0 { throw Missing(sentence: sentence) }
    throw Wrong(sentence)
  }
  func text() -> String {
    unsafe heap_lua_text(coroutine).map { unsafe String(cString: $0) } ?? "nothing"
  }
  try require(unsafe heap_lua_resume(coroutine) == 1, "the program has not yielded: \(text())")
  let half = text()
  try require(half.hasPrefix("half way: "), half)
  try heap.checkConsistency()

  let snapshot = try heap.makeSnapshot()
  var results: [String] = []
  for _ in 0..<3 {
    try require(unsafe heap_lua_resume(coroutine) == 0, "the program has not ended: \(text())")
    results.append(text())
    try heap.checkConsistency()
    try heap.restore(to: snapshot)
    // Everything is rolled back: what it yielded stands on its stack again.
    try require(text() == half, "after the roll-back, the program says \(text())")
    try heap.checkConsistency()
  }
  try require(Set(results).count == 1, "the results differ: \(results)")
  print("three times \(results[0]), after \(half)")
}

/// An in-memory database is rolled back, prepared statements and a half-read result included.
func runSQLite() throws {
  var heap = try RegionHeap(byteCount: 256 << 20)
  var list = unsafe functions(of: heap)
  let status = unsafe heap_sqlite_configure(&list)
  if status < 0 { throw Missing(sentence: "libsqlite3.so.0 is not installed (libsqlite3-dev)") }
  try require(status == 0, "sqlite3_config: \(status)")
  guard let database = unsafe heap_sqlite_open() else { throw Wrong("no database") }
  func execute(_ sql: String) throws(Wrong) {
    let status = unsafe heap_sqlite_execute(database, sql)
    try require(status == 0, "\(sql): \(status)")
  }
  try execute("CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, text TEXT)")
  try execute(
    """
    WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 20000)
    INSERT INTO t SELECT i, i * 7 % 1000, hex(i) || ' some text' FROM c
    """)
  try execute("CREATE INDEX byNumber ON t (n)")
  guard
    let sum = unsafe heap_sqlite_prepare(database, "SELECT sum(n), count(*) FROM t"),
    let rows = unsafe heap_sqlite_prepare(database, "SELECT id FROM t ORDER BY n, id")
  else { throw Wrong("statements are not prepared") }
  func total() throws(Wrong) -> [Int64] {
    try require(unsafe heap_sqlite_step(sum) == 1, "no sum")
    let values = unsafe [heap_sqlite_integer(sum, 0), heap_sqlite_integer(sum, 1)]
    _ = unsafe heap_sqlite_reset(sum)
    return values
  }
  func nextRow() throws(Wrong) -> Int64 {
    try require(unsafe heap_sqlite_step(rows) == 1, "no row")
    return unsafe heap_sqlite_integer(rows, 0)
  }
  for _ in 0..<100 { _ = try nextRow() }
  let before = try total()
  try heap.checkConsistency()

  let snapshot = try heap.makeSnapshot()
  var following: [[Int64]] = []
  for round in 0..<3 {
    var ids: [Int64] = []
    for _ in 0..<50 { ids.append(try nextRow()) }
    following.append(ids)
    _ = unsafe heap_sqlite_reset(rows)
    try execute("DELETE FROM t WHERE id % 3 = \(round)")
    try execute("UPDATE t SET n = n + 1")
    try execute("CREATE TABLE other\(round) AS SELECT * FROM t")
    let changed = try total()
    try require(changed != before, "nothing has changed: \(changed)")
    try heap.restore(to: snapshot)
    try heap.checkConsistency()
    let now = try total()
    try require(now == before, "after the roll-back, the table has \(now), not \(before)")
  }
  try require(Set(following).count == 1, "the statement's rows differ after the roll-back")
  print("\(before) after each roll-back, and the same fifty rows")
}

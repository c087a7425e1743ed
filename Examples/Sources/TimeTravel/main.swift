// Time travel with Lua: the interpreter's whole memory lies in a heap, and goes back to where it was.
// Run it with: swift run -c release TimeTravel

import CLua
import RegionCollections

/// A Lua interpreter whose every allocation is made in a heap.
struct Interpreter: ~Copyable {
  private var heap: RegionHeap
  private let state: OpaquePointer

  init() throws {
    let heap = try RegionHeap(byteCount: 256 << 20)
    let made = lua_newstate(
      { context, block, _, byteCount in
        guard byteCount > 0 else {
          RegionMalloc.free(context, block)
          return nil
        }
        return RegionMalloc.reallocate(context, block, Int(byteCount))
      }, heap.mallocContext)
    guard let made else { fatalError("Lua has no memory") }
    self.heap = heap
    state = made
    luaL_openlibs(state)
  }

  /// Runs a piece of Lua and returns what it returns, as text.
  mutating func run(_ source: String) -> String {
    if luaL_loadstring(state, source) == LUA_OK {
      // Results that are errors are texts as well.
      _ = lua_pcallk(state, 0, 1, 0, 0, nil)
    }
    defer { lua_settop(state, -2) }
    guard let text = luaL_tolstring(state, -1, nil) else { return "nothing" }
    defer { lua_settop(state, -2) }
    return String(cString: text)
  }

  mutating func makeSnapshot() throws -> HeapSnapshot { try heap.makeSnapshot() }

  mutating func goBack(to snapshot: HeapSnapshot) throws { try heap.restore(to: snapshot) }
}

func run() throws {
  var lua = try Interpreter()
  _ = lua.run(
    """
    world = {turn = 0, gold = 100, log = {}}
    function play(stake)
      world.turn = world.turn + 1
      -- A gambler with a poor generator of his own.
      world.luck = ((world.luck or 42) * 1103515245 + 12345) % 2147483648
      if world.luck % 100 < 47 then world.gold = world.gold + stake
      else world.gold = world.gold - stake end
      table.insert(world.log, "turn " .. world.turn .. ": " .. world.gold)
      return world.gold
    end
    """)
  // Each turn, the gambler tries every stake, goes back, and plays the one that was best.
  var moments: [HeapSnapshot] = []
  for _ in 1...20 {
    let now = try lua.makeSnapshot()
    moments.append(now)
    var best = (stake: 1, gold: Int.min)
    for stake in [1, 5, 25] {
      let gold = Int(lua.run("return play(\(stake))")) ?? 0
      if gold > best.gold { best = (stake, gold) }
      try lua.goBack(to: now)
    }
    guard lua.run("return play(\(best.stake))") == "\(best.gold)" else {
      fatalError("the same past has led to another future")
    }
  }
  print(lua.run("return 'after ' .. world.turn .. ' turns: ' .. world.gold .. ' gold'"))
  for index in [15, 5, 0] {
    try lua.goBack(to: moments[index])
    let turn = lua.run("return world.turn")
    guard turn == "\(index)", lua.run("return #world.log") == turn else {
      fatalError("turn \(index) is not what it was: \(turn)")
    }
    print(lua.run("return 'back at turn ' .. world.turn .. ': ' .. world.gold .. ' gold'"))
  }
}

try run()

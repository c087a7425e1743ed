import Foundation
import ScenarioSupport
import Testing

/// redis-server on a socket in its folder.
final class Redis {
  static let server = RealProgram.find("/usr/bin/redis-server", "/usr/local/bin/redis-server")

  let program: RealProgram

  init() throws {
    program = try RealProgram(try #require(Self.server), endSignal: SIGTERM) { folder in
      [
        "--port", "0", "--unixsocket", folder + "/socket", "--dir", folder, "--save", "",
        "--enable-debug-command", "yes",
      ]
    }
    try program.waitFor("ready to accept connections")
  }

  func command(_ words: String...) throws {
    let result = try Tool.run(
      program: "/usr/bin/env",
      ["redis-cli", "-e", "-s", program.folder.url.path + "/socket"] + words)
    try #require(result.status == 0, "\(result.output)\(result.errors)")
  }
}

/// PostgreSQL on a socket in its folder.
final class PostgreSQL {
  /// Debian keeps the server's programs away from the path.
  private static let programs: String? = {
    let root = "/usr/lib/postgresql"
    let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
    return versions.compactMap { Int($0) }.sorted().map { "\(root)/\($0)/bin/" }.last {
      RealProgram.find($0 + "postgres") != nil && RealProgram.find($0 + "initdb") != nil
    }
  }()

  static let server = programs.map { $0 + "postgres" }

  let program: RealProgram

  init() throws {
    let programs = try #require(Self.programs)
    program = try RealProgram(
      programs + "postgres", endSignal: SIGQUIT,
      prepare: { folder in
        let result = try Tool.run(
          program: Tool.scenarios,
          [
            "as-user", "\(nobody)", programs + "initdb", "--no-sync", "--auth=trust",
            "--username=test", "--encoding=UTF8", "--no-locale", "-D",
            folder.url.path + "/data",
          ])
        try #require(result.status == 0, "\(result.errors)")
      },
      arguments: { folder in
        [
          "-D", folder + "/data", "-k", folder, "-c", "listen_addresses=", "-F", "-c",
          "shared_buffers=32MB", "-c", "autovacuum=off", "-c", "max_parallel_workers=0",
        ]
      })
    try program.waitFor("ready to accept connections")
  }

  /// A client that stays connected, each with a server process of its own.
  func session() throws -> Session { try Session(program.folder.url.path) }

  func run(_ statement: String) throws { try session().run(statement) }

  final class Session {
    private let process = Process()
    private let input = Pipe.forProcess()
    private let output = Pipe.forProcess()

    fileprivate init(_ folder: String) throws {
      process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      process.arguments = [
        "psql", "--no-psqlrc", "--quiet", "-v", "ON_ERROR_STOP=1", "-h", folder, "-U", "test",
        "postgres",
      ]
      process.standardInput = input
      process.standardOutput = output
      try process.start()
    }

    deinit {
      try? input.fileHandleForWriting.close()
      process.waitUntilExit()
    }

    /// Runs a statement and waits for its end.
    func run(_ statement: String) throws {
      try input.fileHandleForWriting.write(contentsOf: Data((statement + ";\n\\echo done\n").utf8))
      var seen = ""
      while !seen.hasSuffix("done\n") {
        let data = output.fileHandleForReading.availableData
        try #require(!data.isEmpty, "psql ended: \(statement)")
        seen += String(decoding: data, as: UTF8.self)
      }
    }
  }
}

/// gunicorn on a socket in its folder, with an application that is loaded before the workers are
/// forked and whose objects' reference counts are written to by those that merely look at them.
final class Gunicorn {
  private static let script = RealProgram.find("/usr/bin/gunicorn")
  static let interpreter = script == nil ? nil : RealProgram.find("/usr/bin/python3")

  let program: RealProgram

  private static let application = """
    objects = [str(number) for number in range(200000)]

    def application(environ, start_response):
        share = int(environ["PATH_INFO"].strip("/"))
        kept = [text for text in objects[:len(objects) // 20 * share]]
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(len(kept)).encode()]

    """

  private static let client = """
    import socket, sys
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(sys.argv[1])
    connection.sendall(b"GET /%s HTTP/1.0\\r\\n\\r\\n" % sys.argv[2].encode())
    answer = b""
    while block := connection.recv(4096):
        answer += block
    sys.exit(b" 200 OK" not in answer)
    """

  init(workers: Int) throws {
    let script = try #require(Self.script)
    program = try RealProgram(
      try #require(Self.interpreter), endSignal: SIGQUIT, plugIns: try Self.modules(),
      plugInVariable: "PYTHONPATH",
      prepare: { folder in
        _ = try folder.makeFile("app.py", Data(Self.application.utf8))
      },
      arguments: { folder in
        [
          script, "--preload", "--workers", "\(workers)", "--bind", "unix:\(folder)/socket",
          "--worker-tmp-dir", folder, "app:application",
        ]
      })
    for _ in 0..<workers { try program.waitFor("Booting worker") }
  }

  /// The interpreter's modules that are shared objects, which other Python programs map as well.
  private static func modules() throws -> [String] {
    let command = "import sysconfig; print(sysconfig.get_config_var('DESTSHARED'))"
    let result = try Tool.run(program: try #require(Self.interpreter), ["-c", command])
    let folder = result.output.trimmingCharacters(in: .newlines)
    return try FileManager.default.contentsOfDirectory(atPath: folder)
      .filter { $0.hasSuffix(".so") }.map { folder + "/" + $0 }
  }

  /// Asks the server to look at `share` twentieths of its objects.
  func request(_ share: Int) throws {
    let result = try Tool.run(
      program: "/usr/bin/env",
      ["python3", "-c", Self.client, program.folder.url.path + "/socket", "\(share)"])
    try #require(result.status == 0, "\(result.errors)")
  }
}

public import Foundation
internal import Postgres
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// A PostgreSQL server of the tests' own: in a temporary folder, on a socket in it, and gone with the process that
/// started it. The server runs as an unprivileged user, which PostgreSQL insists on.
public final class PostgresCluster: Sendable {
    public let folder: URL
    private let process: Process
    private let input: Pipe

    /// The one that most tests share: nothing of it is ever flushed to the disk.
    public static let shared = Shared()

    /// - Parameter settings: lines of `postgresql.conf`.
    public init(_ settings: [String: String] = [:]) throws {
        let name = "vintner-postgres-\(UUID().uuidString.prefix(8).lowercased())"
        folder = URL(fileURLWithPath: "/tmp").appending(path: name)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let isRoot = getuid() == 0
        if isRoot {
            guard let user = getpwnam("postgres"), chown(folder.path, user.pointee.pw_uid, user.pointee.pw_gid) == 0
            else { throw ClusterError.failed("There is no user postgres to run the server as.") }
        }
        let programs = try Self.programs()
        let lines = settings.map { "\($0.key) = '\($0.value)'" }.joined(separator: "\n")
        // When the pipe to the shell closes, because this process ended however it did, the server goes, and its folder.
        let script = """
            set -e
            "$1/initdb" -D "$2/data" -U vintner -A trust -E UTF8 --no-locale --no-sync >"$2/initdb.log" 2>&1
            printf '%s\\n' "$3" >>"$2/data/postgresql.conf"
            start() { "$1/pg_ctl" -D "$2/data" -l "$2/server.log" -w -s -o "-k $2 -c listen_addresses=" start; }
            start "$1" "$2"
            while read -r order; do
                if [ "$order" = restart ]; then
                    "$1/pg_ctl" -D "$2/data" -m immediate -w -s stop || true
                    start "$1" "$2"
                fi
            done
            "$1/pg_ctl" -D "$2/data" -m immediate -w -s stop || true
            cd /
            rm -rf "$2"
            """
        process = Process()
        input = Pipe()
        let arguments = ["-c", script, "sh", programs, folder.path, lines]
        if isRoot {
            process.executableURL = URL(fileURLWithPath: "/usr/bin/setpriv")
            process.arguments =
                ["--reuid=postgres", "--regid=postgres", "--clear-groups", "/bin/sh"] + arguments
        } else {
            process.executableURL = URL(fileURLWithPath: "/bin/sh")
            process.arguments = arguments
        }
        process.standardInput = input
        process.currentDirectoryURL = folder
        try process.run()
        try waitUntilReady()
    }

    deinit { stop() }

    /// Ends the server and deletes its folder.
    public func stop() {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
        try? FileManager.default.removeItem(at: folder)
    }

    /// libpq's address of a database on it.
    public func address(of database: String = "postgres", socketFolder: URL? = nil) -> String {
        "host=\((socketFolder ?? folder).path) user=vintner dbname=\(database)"
    }

    /// Kills the server as a power failure would, and starts it again, which recovers what was committed. Returns at
    /// once.
    public func restart() {
        try? input.fileHandleForWriting.write(contentsOf: Data("restart\n".utf8))
    }

    /// The socket that the server listens on.
    public var socketName: String { ".s.PGSQL.5432" }

    /// Makes a new, empty database and returns its address.
    public func createDatabase() throws -> String {
        let name = "test_\(UUID().uuidString.replacing("-", with: "").lowercased())"
        try execute("CREATE DATABASE \(name)")
        return address(of: name)
    }

    /// Makes a new, empty schema and returns the address under which it is used. (A database would take a second, and
    /// eight megabytes.)
    public func createSchema() throws -> String {
        let name = "test_\(UUID().uuidString.replacing("-", with: "").lowercased())"
        try execute("CREATE SCHEMA \(name)")
        return address() + " options=-csearch_path=\(name)"
    }

    /// Makes a new, empty schema and returns its address as a URL.
    public func createSchemaURL() throws -> String {
        let address = try createSchema()
        let name = address.split(separator: "=").last ?? ""
        return "postgres:///postgres?host=\(folder.path)&user=vintner&options=-csearch_path%3D\(name)"
    }

    public func dropDatabase(at address: String) {
        guard let name = address.split(separator: "=").last else { return }
        _ = try? execute("DROP DATABASE IF EXISTS \(name) WITH (FORCE)")
    }

    /// Executes one statement on a connection of its own. Returns whether its first row says true, if it says either.
    @discardableResult
    public func execute(_ sql: String, in database: String = "postgres") throws -> Bool? {
        let connection = try connect(to: database)
        // What a test sets up waits for no standby.
        try connection.query("SET synchronous_commit = local", [])
        let result = try connection.query(sql, [])
        return try? result.first?.optionalFlag(0)
    }

    /// A server that has just started, or is loaded, may close a first connection.
    private func connect(to database: String) throws -> PostgresConnection {
        let settings = PostgresSettings(address: address(of: database))
        for _ in 0..<20 {
            if let connection = try? PostgresConnection(settings) { return connection }
            usleep(100_000)
        }
        return try PostgresConnection(settings)
    }

    private func waitUntilReady() throws {
        let limit = Date(timeIntervalSinceNow: 120)
        while Date() < limit {
            if (try? execute("SELECT true")) == true { return }
            guard process.isRunning else { break }
            usleep(20_000)
        }
        let log = (try? String(contentsOf: folder.appending(path: "server.log"), encoding: .utf8)) ?? ""
        throw ClusterError.failed("The server did not start: \(log)")
    }

    private static func programs() throws -> String {
        let folders = [17, 16, 15, 14].map { "/usr/lib/postgresql/\($0)/bin" } + ["/usr/bin", "/usr/local/bin"]
        for folder in folders where FileManager.default.isExecutableFile(atPath: folder + "/initdb") { return folder }
        throw ClusterError.failed("PostgreSQL is not installed; scripts/setup.sh test installs it.")
    }

    public enum ClusterError: Error {
        case failed(String)
    }

    /// A cluster that is started by the first who asks for it.
    public final class Shared: Sendable {
        private let started = Mutex<Result<PostgresCluster, any Error>?>(nil)

        public func get() throws -> PostgresCluster {
            try started.withLock { started in
                let cluster =
                    started
                    ?? Result {
                        try PostgresCluster([
                            "fsync": "off", "full_page_writes": "off", "synchronous_commit": "off",
                            "max_connections": "400", "shared_buffers": "64MB", "autovacuum": "off",
                        ])
                    }
                started = cluster
                return cluster
            }.get()
        }
    }
}

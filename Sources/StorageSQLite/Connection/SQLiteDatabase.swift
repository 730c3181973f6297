internal import Dispatch
internal import Domain
internal import Foundation
internal import GRDB
internal import Storage

/// Opening and closing the file, with the required settings.
enum SQLiteDatabase {
    /// Opens the database on a thread that may block: migrations can take a while.
    static func open(path: String) async throws -> DatabasePool {
        try await onBlockingThread { try openBlocking(path: path) }
    }

    static func close(_ pool: DatabasePool) async throws {
        try await onBlockingThread { try pool.close() }
    }

    private static func onBlockingThread<Value: Sendable>(
        _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(with: Result { try body() }.mapError { StorageError.mapped($0) })
            }
        }
    }

    private static func openBlocking(path: String) throws -> DatabasePool {
        try createFile(path)
        let pool = try DatabasePool(path: path, configuration: configuration)
        let migrator = SQLiteSchema.migrator
        guard try !pool.read(migrator.hasBeenSuperseded) else {
            throw StorageError(.newer, "The database at \(path) was written by a newer version of Vintner; update it.")
        }
        try migrator.migrate(pool)
        try pool.writeWithoutTransaction { db in
            // The pool set NORMAL, which can lose acknowledged commits in a power failure.
            try db.execute(sql: "PRAGMA synchronous = FULL")
            try db.execute(sql: "PRAGMA wal_autocheckpoint = 4000")
            try db.execute(sql: "PRAGMA journal_size_limit = 67108864")
            let durability = try Durability(db)
            guard durability == .required else {
                throw StorageError(.unavailable, "The file system of \(path) does not support durable writes.")
            }
        }
        return pool
    }

    /// Makes an empty file that only its owner can read; SQLite gives its side files the same rights.
    private static func createFile(_ path: String) throws {
        guard !FileManager.default.fileExists(atPath: path) else { return }
        let made = FileManager.default.createFile(
            atPath: path, contents: nil, attributes: [.posixPermissions: 0o600])
        guard made else { throw StorageError(.unavailable, "The database \(path) can't be created.") }
    }

    private static var configuration: Configuration {
        var configuration = Configuration()
        configuration.label = "vintner.sqlite"
        configuration.foreignKeysEnabled = true
        configuration.busyMode = .timeout(5)
        configuration.prepareDatabase { db in
            try db.execute(sql: "PRAGMA cache_size = -8000")
            try db.execute(sql: "PRAGMA temp_store = MEMORY")
        }
        return configuration
    }
}

/// The settings of a connection that decide what an acknowledged commit survives.
struct Durability: Hashable, Sendable {
    var journal: String
    /// 2 is FULL.
    var synchronous: Int
    var foreignKeys: Bool

    static let required = Durability(journal: "wal", synchronous: 2, foreignKeys: true)
}

extension Durability {
    /// The settings in effect on the connection `db`.
    init(_ db: Database) throws {
        self.init(
            journal: try String.fetchOne(db, sql: "PRAGMA journal_mode") ?? "",
            synchronous: try Int.fetchOne(db, sql: "PRAGMA synchronous") ?? -1,
            foreignKeys: try Bool.fetchOne(db, sql: "PRAGMA foreign_keys") ?? false)
    }
}

extension StorageError {
    /// Maps `error` for callers: SQLite errors become `StorageError`s; refusals and cancellation are unchanged.
    static func mapped(_ error: any Error) -> any Error {
        switch error {
        case is Refusal, is StorageError, is CancellationError: error
        case let error as DatabaseError: StorageError(error)
        default: StorageError(.failed, "\(type(of: error))")
        }
    }

    private init(_ error: DatabaseError) {
        // The message alone: a description may quote statements and values.
        let reason = error.message ?? "SQLite result \(error.extendedResultCode.rawValue)"
        self.init(Self.kind(of: error), reason)
    }

    private static func kind(of error: DatabaseError) -> Kind {
        switch error.resultCode {
        case .SQLITE_FULL: .full
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: .corrupt
        case .SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_IOERR, .SQLITE_CANTOPEN, .SQLITE_PERM, .SQLITE_READONLY,
            .SQLITE_PROTOCOL, .SQLITE_NOLFS, .SQLITE_NOMEM, .SQLITE_INTERRUPT, .SQLITE_ABORT:
            .unavailable
        case .SQLITE_MISUSE where error.message == "Connection is closed": .closed
        default: .failed
        }
    }
}

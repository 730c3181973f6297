import Crypto
import Domain
import Foundation
import Postgres
import Storage
import StoragePostgres
import StorageSQLite
import Synchronization
import Testing

/// A storage engine for the conformance suite. Add new ones to `all`.
struct StoreEngine: Sendable, CustomTestStringConvertible {
    var name: String
    /// Opens the store that lives in `folder`; again after it was closed.
    var open: @Sendable (_ folder: URL, _ vault: Vault, @escaping ChangeObserver) async throws -> any Store

    var testDescription: String { name }

    static let all = [sqlite, postgres]

    static let sqlite = StoreEngine(name: "SQLite") { folder, vault, onChange in
        try await SQLiteStore.open(
            path: folder.appending(path: "vintner.sqlite").path, vault: vault, onChange: onChange)
    }

    static let postgres = StoreEngine(name: "PostgreSQL") { folder, vault, onChange in
        var settings = PostgresSettings(address: try PostgresSchemas.address(for: folder))
        settings.maxConnections = 4
        return try await PostgresStore.open(settings, vault: vault, onChange: onChange)
    }

    /// Runs `body` on a new, empty store, and clears up behind it.
    func run(_ body: (StoreFixture) async throws -> Void) async throws {
        try await TemporaryFolder.with { folder in
            let vault = Vault(key: SymmetricKey(data: Data(repeating: 7, count: 32)))
            let seen = RecordedChanges()
            let store = try await open(folder, vault) { seen.add($0) }
            let bench = StoreFixture(engine: self, folder: folder, vault: vault, store: store, seen: seen)
            do {
                try await body(bench)
            } catch {
                try? await store.close()
                throw error
            }
            try await store.close()
        }
    }
}

enum TemporaryFolder {
    static func with(_ body: (URL) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "storage-\(StoreFixture.newID(Job.self))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try await body(folder)
    }
}

/// What the store told its observer, call by call.
final class RecordedChanges: Sendable {
    private let calls = Mutex<[[StoreChange]]>([])

    func add(_ changes: [StoreChange]) { calls.withLock { $0.append(changes) } }

    /// What was seen since the last call of this.
    func take() -> [[StoreChange]] {
        calls.withLock { calls in
            defer { calls = [] }
            return calls
        }
    }
}

/// Expects that `body` is refused for the reason `kind`, in words that contain `text`.
func expectRefusal(
    _ kind: Refusal.Kind, saying text: String = "", sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () async throws -> Void
) async {
    do {
        try await body()
        Issue.record("not refused", sourceLocation: sourceLocation)
    } catch let refusal as Refusal {
        #expect(refusal.kind == kind, "\(refusal.reason)", sourceLocation: sourceLocation)
        #expect(text.isEmpty || refusal.reason.contains(text), "\(refusal.reason)", sourceLocation: sourceLocation)
    } catch {
        Issue.record(error, sourceLocation: sourceLocation)
    }
}

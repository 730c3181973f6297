internal import Foundation
internal import Storage
internal import StoragePostgres
internal import StorageSQLite

/// Moves a database from one engine to another (`vintner migrate`). No Trellis may use either meanwhile.
public struct DatabaseMigration {
    private let source: DatabaseAddress
    private let target: DatabaseAddress

    /// - Throws: ``TrellisStartError`` for an invalid address, or if both are the same.
    public init(from source: String, to target: String) throws {
        guard source != target else { throw TrellisStartError.sameDatabase }
        (self.source, self.target) = (try DatabaseAddress(source), try DatabaseAddress(target))
        if case .sqlite(let path) = self.source, !FileManager.default.fileExists(atPath: path) {
            throw TrellisStartError.noDatabase(path)
        }
    }

    /// Copies everything and compares it; continues an interrupted migration.
    ///
    /// - Parameter report: called with sentences for people.
    public func run(report: @escaping @Sendable (String) -> Void) async throws {
        let holds = [try Self.hold(source), try Self.hold(target)]
        defer { for hold in holds { hold?.release() } }
        let from = try await Self.open(source)
        do {
            let to = try await Self.open(target)
            do {
                try await StoreCopy(from: from, to: to, report: report).run()
            } catch {
                try? await to.close()
                throw error
            }
            try await to.close()
        } catch {
            try? await from.close()
            throw error
        }
        try await from.close()
    }

    private static func hold(_ database: DatabaseAddress) throws -> FileHold? {
        guard case .sqlite(let path) = database else { return nil }
        return try FileHold(path + ".lock", of: path)
    }

    private static func open(_ database: DatabaseAddress) async throws -> any CopyableStore {
        switch database {
        case .sqlite(let path): try await SQLiteStore.openForCopy(path: path)
        case .postgres(let settings): try await PostgresStore.openForCopy(settings)
        }
    }
}

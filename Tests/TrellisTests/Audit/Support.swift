import Domain
import Foundation
import Storage

@testable import StorageSQLite

/// A store whose tables a test can change behind the server's back.
protocol SQLiteStoreForTests {
    func execute(_ sql: String) async throws
}

extension SQLiteStore: SQLiteStoreForTests {
    func execute(_ sql: String) async throws {
        try await write { db, _ in try db.run(sql) }
    }
}

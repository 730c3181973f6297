internal import Crypto
package import Foundation
internal import GRDB
package import Storage

extension SQLiteStore: CopyableStore {
    /// Opens a database for ``StoreCopy``, without its key.
    package static func openForCopy(path: String) async throws -> SQLiteStore {
        SQLiteStore(
            pool: try await SQLiteDatabase.open(path: path), vault: Vault(key: SymmetricKey(size: .bits256)),
            onChange: { _ in })
    }

    package func copiedTables() async throws -> [CopiedTable] {
        let catalog = try await read { db in
            let names = try String.fetchAll(
                db,
                sql: """
                    SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
                    AND name NOT IN ('grdb_migrations', 'store')
                    """)
            // Without generated columns.
            return try Dictionary(
                uniqueKeysWithValues: names.map { name in
                    (name, Set(try db.rows("SELECT name FROM pragma_table_info(?)", name) { try $0.text("name") }))
                })
        }
        return try CopiedTable.all(in: catalog)
    }

    package func rowCount(of table: CopiedTable) async throws -> Int {
        try await read { db in try Int.fetchOne(db, sql: "SELECT count(*) FROM \(table.name)") ?? 0 }
    }

    package func rows(of table: CopiedTable, after: [CopiedValue]?) async throws -> [[CopiedValue]] {
        let key = table.key.joined(separator: ", ")
        let marks = table.key.map { _ in "?" }.joined(separator: ", ")
        let condition = after == nil ? "" : " WHERE (\(key)) > (\(marks))"
        let sql = table.selectSQL + condition + " ORDER BY \(key) LIMIT \(table.pageRows)"
        return try await copiedRows(sql, (after ?? []).map(\.sqlValue))
    }

    package func rows(
        of table: CopiedTable, where column: String, isIn values: [String]
    ) async throws -> [[CopiedValue]] {
        let marks = values.map { _ in "?" }.joined(separator: ", ")
        return try await copiedRows(table.selectSQL + " WHERE \(column) IN (\(marks))", values)
    }

    package func lastKey(of table: CopiedTable) async throws -> [CopiedValue]? {
        let descending = table.key.map { $0 + " DESC" }.joined(separator: ", ")
        let columns = table.key.joined(separator: ", ")
        return try await copiedRows("SELECT \(columns) FROM \(table.name) ORDER BY \(descending) LIMIT 1", []).first
    }

    private func copiedRows(_ sql: String, _ arguments: [SQLValue]) async throws -> [[CopiedValue]] {
        let arguments = StatementArguments(arguments)
        return try await read { db in
            try db.rows(sql, arguments: arguments) { row in try row.databaseValues.map(CopiedValue.init) }
        }
    }

    package func insert(_ rows: [[CopiedValue]], into table: CopiedTable) async throws {
        let isLog = table.name == "provision_job_logs"
        let marks = table.columns.map { isLog && $0 == "log_chunk" ? "CAST(? AS TEXT)" : "?" }
        let sql = """
            INSERT INTO \(table.name) (\(table.columns.joined(separator: ", ")))
            VALUES (\(marks.joined(separator: ", "))) ON CONFLICT DO NOTHING
            """
        try await write(cost: rows.reduce(0) { $0 + $1.reduce(0) { $0 + $1.size } }) { db, _ in
            // Jobs of one commit may refer to each other.
            try db.execute(sql: "PRAGMA defer_foreign_keys = ON")
            let statement = try db.cachedStatement(sql: sql)
            for row in rows { try statement.execute(arguments: StatementArguments(row.map(\.sqlValue))) }
        }
    }

    package func lastLogID() async throws -> Int64 {
        try await read { db in
            try Int64.fetchOne(db, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'provision_job_logs'") ?? 0
        }
    }

    package func setLastLogID(_ id: Int64) async throws {
        try await write { db, _ in
            try db.run("DELETE FROM sqlite_sequence WHERE name = 'provision_job_logs'")
            try db.run("INSERT INTO sqlite_sequence (name, seq) VALUES ('provision_job_logs', ?)", id)
        }
    }

    package func mark() async throws -> Data? {
        try await read { db in try Data.fetchOne(db, sql: "SELECT key_mark FROM store WHERE id = 1") }
    }

    package func setMark(_ mark: Data) async throws {
        try await write { db, _ in try db.run("UPDATE store SET key_mark = ? WHERE id = 1", mark) }
    }
}

extension CopiedTable {
    fileprivate var selectSQL: String {
        let columns = columns.map { name == "provision_job_logs" && $0 == "log_chunk" ? "CAST(log_chunk AS BLOB)" : $0 }
        return "SELECT \(columns.joined(separator: ", ")) FROM \(name)"
    }
}

extension CopiedValue {
    fileprivate init(_ value: DatabaseValue) throws {
        switch value.storage {
        case .null: self = .null
        case .int64(let integer): self = .integer(integer)
        case .string(let text): self = .text(text)
        case .blob(let bytes): self = .bytes(bytes)
        case .double: throw StorageError(.corrupt, "A column has a fractional number.")
        }
    }

    fileprivate var sqlValue: SQLValue {
        switch self {
        case .null: nil
        case .integer(let integer): integer
        case .text(let text): text
        case .bytes(let bytes): bytes
        }
    }
}

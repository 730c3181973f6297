internal import Crypto
package import Foundation
package import Postgres
package import Storage

extension PostgresStore: CopyableStore {
    /// Opens a database for ``StoreCopy``, without its key. Nobody else may use it meanwhile.
    package static func openForCopy(_ settings: PostgresSettings) async throws -> PostgresStore {
        var settings = settings
        // A state may have 64 MiB, and the server may be far away.
        settings.statementTimeout = .seconds(300)
        settings.exchangeTimeout = .seconds(330)
        settings.callTimeout = .seconds(600)
        settings.maxConnections = 2
        return try await open(settings, isAlone: true, vault: Vault(key: SymmetricKey(size: .bits256)), isKeyed: false)
        {
            _ in
        }
    }

    package func copiedTables() async throws -> [CopiedTable] {
        var catalog = try await types().mapValues { Set($0.keys) }
        catalog["provision_jobs"]?.formUnion(Self.headColumns.keys)
        // SQLite keeps the sum, too.
        catalog["provision_jobs"]?.insert(Self.lines)
        catalog["provision_job_logs"]?.subtract(["compressed", "text_bytes"])
        return try CopiedTable.all(in: catalog)
    }

    /// The columns of a log's head, which SQLite keeps with the job.
    private static let headColumns = [
        "log_seq": "seq", "stdout_lines": "stdout_lines", "stderr_lines": "stderr_lines",
        "system_lines": "system_lines", "log_time": "log_time",
    ]
    private static let lines = "log_lines"

    /// The types of all columns that can be written, by table.
    private func types() async throws -> [String: [String: String]] {
        try await readOnce { db in
            var types: [String: [String: String]] = [:]
            let rows = try db.rows(
                """
                SELECT table_name::text AS of, column_name::text AS name, data_type::text AS type
                FROM information_schema.columns WHERE table_schema = current_schema() AND is_generated = 'NEVER'
                AND table_name NOT IN ('store', 'schema_migrations', 'commit_keys', 'provision_job_log_heads',
                    'trellis_nodes', 'duties', 'store_changes')
                """
            ) { (try $0.text("of"), try $0.text("name"), try $0.text("type")) }
            for (table, name, type) in rows { types[table, default: [:]][name] = type }
            return types
        }
    }

    package func rowCount(of table: CopiedTable) async throws -> Int {
        try await readOnce { db in try db.row("SELECT count(*) AS n FROM \(table.name)")?.int("n") ?? 0 }
    }

    // MARK: - Reading

    package func rows(of table: CopiedTable, after: [CopiedValue]?) async throws -> [[CopiedValue]] {
        let types = try await types()[table.name] ?? [:]
        let key = table.key.map { types[$0] == "text" ? "t.\($0) COLLATE \"C\"" : "t.\($0)" }.joined(separator: ", ")
        let values = zip(table.key, after ?? []).map { PostgresValue($1, as: types[$0]) }
        let marks = values.indices.map { "$\($0 + 1)" }.joined(separator: ", ")
        let condition = values.isEmpty ? "" : " WHERE (\(key)) > (\(marks))"
        return try await copiedRows(of: table, types, condition + " ORDER BY \(key) LIMIT \(table.pageRows)", values)
    }

    package func rows(
        of table: CopiedTable, where column: String, isIn values: [String]
    ) async throws -> [[CopiedValue]] {
        let types = try await types()[table.name] ?? [:]
        let list: PostgresValue = types[column] == "uuid" ? .uuids(values) : .texts(values)
        return try await copiedRows(of: table, types, " WHERE t.\(column) = ANY($1)", [list])
    }

    private func copiedRows(
        of table: CopiedTable, _ types: [String: String], _ tail: String, _ values: [PostgresValue]
    ) async throws -> [[CopiedValue]] {
        let isJobs = table.name == "provision_jobs"
        var columns = "t.*"
        if isJobs { columns += Self.headColumns.map { ", head.\($1) AS \($0)" }.joined() }
        let join = isJobs ? " JOIN provision_job_log_heads AS head ON head.job_id = t.id" : ""
        let sql = "SELECT \(columns) FROM \(table.name) AS t\(join)\(tail)"
        return try await readOnce { db in
            try db.queryUnprepared(sql, values).map { row in
                try table.columns.map { column in try CopiedValue(row, column, of: table, type: types[column]) }
            }
        }
    }

    package func lastKey(of table: CopiedTable) async throws -> [CopiedValue]? {
        let types = try await types()[table.name] ?? [:]
        let order = table.key.map { $0 + (types[$0] == "text" ? " COLLATE \"C\" DESC" : " DESC") }
        let sql = """
            SELECT \(table.key.joined(separator: ", ")) FROM \(table.name)
            ORDER BY \(order.joined(separator: ", ")) LIMIT 1
            """
        return try await readOnce { db in
            try db.row(sql).map { row in
                try table.key.map { try CopiedValue(row, $0, of: table, type: types[$0]) }
            }
        }
    }

    // MARK: - Writing

    package func insert(_ rows: [[CopiedValue]], into table: CopiedTable) async throws {
        let types = try await types()[table.name] ?? [:]
        var columns = table.columns.enumerated().filter { types[$0.element] != nil }.map { ($0.element, $0.offset) }
        let isLog = table.name == "provision_job_logs"
        let text = isLog ? columns.firstIndex { $0.0 == "log_chunk" } : nil
        if let text { columns.remove(at: text) }
        let names = columns.map(\.0) + (isLog ? ["log_chunk", "compressed", "text_bytes"] : [])
        var values: [PostgresValue] = []
        for row in rows {
            values += columns.map { PostgresValue(row[$0.1], as: types[$0.0]) }
            if isLog, let position = table.position(of: "log_chunk"), case .bytes(let bytes) = row[position] {
                let stored = try StoredText(bytes)
                values += [.bytes(stored.bytes), .bool(stored.isCompressed), .int(Int64(stored.count))]
            }
        }
        let insert = PostgresInsert(table.name, names, values)
        // Events that come later get positions after these.
        let isAudit = table.name == "audit_events"
        let heads = table.name == "provision_jobs" ? try Self.heads(of: rows, in: table) : nil
        try await write { db, _ in
            for statement in [insert, heads].compactMap({ $0 }) {
                _ = try db.queryUnprepared(statement.sql, statement.values)
            }
            guard isAudit else { return }
            db.run(
                """
                SELECT setval(
                    pg_get_serial_sequence('audit_events', 'position')::regclass,
                    (SELECT max(position) FROM audit_events))
                """)
        }
    }

    private static func heads(of rows: [[CopiedValue]], in table: CopiedTable) throws -> PostgresInsert {
        let columns = headColumns.sorted { $0.key < $1.key }
        let values = rows.flatMap { row in
            [("id", "uuid")].map { PostgresValue(row[table.position(of: $0.0) ?? 0], as: $0.1) }
                + columns.map { PostgresValue(row[table.position(of: $0.key) ?? 0], as: "bigint") }
        }
        return PostgresInsert("provision_job_log_heads", ["job_id"] + columns.map(\.value), values)
    }

    package func lastLogID() async throws -> Int64 {
        try await readOnce { db in
            try db.row(
                """
                SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('provision_job_logs', 'id')::regclass), 0)
                    AS last
                """)?.integer("last") ?? 0
        }
    }

    package func setLastLogID(_ id: Int64) async throws {
        guard id > 0 else { return }
        try await write { db, _ in
            db.run("SELECT setval(pg_get_serial_sequence('provision_job_logs', 'id')::regclass, $1)", id)
        }
    }

    package func mark() async throws -> Data? {
        try await readOnce { db in try db.row("SELECT key_mark FROM store WHERE id = 1")?.optionalBytes("key_mark") }
    }

    package func setMark(_ mark: Data) async throws {
        try await write { db, _ in db.run("UPDATE store SET key_mark = $1 WHERE id = 1", mark) }
    }
}

/// An INSERT of several rows, which passes over those that are there.
private struct PostgresInsert: Sendable {
    var sql: String
    var values: [PostgresValue]

    init(_ table: String, _ columns: [String], _ values: [PostgresValue]) {
        let rows = stride(from: 0, to: values.count, by: columns.count).map { start in
            "(" + columns.indices.map { "$\(start + $0 + 1)" }.joined(separator: ", ") + ")"
        }
        sql = """
            INSERT INTO \(table) (\(columns.joined(separator: ", "))) OVERRIDING SYSTEM VALUE
            VALUES \(rows.joined(separator: ", ")) ON CONFLICT DO NOTHING
            """
        self.values = values
    }
}

extension CopiedValue {
    /// - Parameter type: nil for a column that PostgreSQL keeps elsewhere.
    fileprivate init(_ row: Row, _ column: String, of table: CopiedTable, type: String?) throws {
        func integer(_ column: String) throws -> CopiedValue {
            try row.optionalInteger(column).map { .integer($0) } ?? .null
        }
        switch type {
        case nil where column == "log_lines":
            let counts = try ["stdout_lines", "stderr_lines", "system_lines"].map { try row.integer($0) }
            self = .integer(counts.reduce(0, +))
        case nil, "bigint", "integer", "smallint": self = try integer(column)
        case "boolean": self = try row.optionalFlag(column).map { .integer($0 ? 1 : 0) } ?? .null
        case "bytea" where column == "log_chunk":
            let stored = StoredText(
                bytes: try row.blob(column), isCompressed: try row.flag("compressed"),
                count: try row.int("text_bytes"))
            self = .bytes(Data(try stored.text().utf8))
        case "bytea": self = try row.optionalBytes(column).map { .bytes($0) } ?? .null
        default: self = try row.optionalText(column).map { .text($0) } ?? .null
        }
    }
}

extension PostgresValue {
    /// The parameter for a column of `type`.
    fileprivate init(_ value: CopiedValue, as type: String?) {
        switch (type, value) {
        case ("uuid", _): self = .uuid(value.text)
        case ("boolean", _): self = .bool(value.integer.map { $0 != 0 })
        case ("bytea", .bytes(let bytes)): self = .bytes(bytes)
        case ("bytea", _): self = .bytes(nil)
        case ("text", _): self = .text(value.text)
        default: self = .int(value.integer)
        }
    }
}

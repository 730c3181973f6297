package import Foundation

/// A value of a column, the same for all engines. Flags are 0 and 1, ids are text, the text of a log is bytes.
package enum CopiedValue: Hashable, Sendable {
    case null
    case integer(Int64)
    case text(String)
    case bytes(Data)

    package var text: String? { if case .text(let text) = self { text } else { nil } }
    package var integer: Int64? { if case .integer(let integer) = self { integer } else { nil } }

    package var size: Int {
        switch self {
        case .null, .integer: 8
        case .text(let text): text.utf8.count
        case .bytes(let bytes): bytes.count
        }
    }
}

/// A table that is copied from one engine to another, with the columns that both have.
package struct CopiedTable: Hashable, Sendable {
    package var name: String
    /// Identifies a row. Rows are read in this order; texts are compared by their bytes.
    package var key: [String]
    /// In alphabetical order.
    package var columns: [String]
    /// How many rows are read at a time.
    package var pageRows: Int
    /// Whether an interrupted copy continues after the last key. Others begin again, and skip rows that are there.
    package var continuesAfterLastKey: Bool

    /// The positions of the key's columns in a row.
    package var keyPositions: [Int] { key.map { columns.firstIndex(of: $0) ?? 0 } }

    package func key(of row: [CopiedValue]) -> [CopiedValue] { keyPositions.map { row[$0] } }

    /// The position of a column in a row.
    package func position(of column: String) -> Int? { columns.firstIndex(of: column) }
}

extension CopiedTable {
    private init(_ name: String, key: [String], pageRows: Int = 500, continuesAfterLastKey: Bool = false) {
        self.init(
            name: name, key: key, columns: [], pageRows: pageRows, continuesAfterLastKey: continuesAfterLastKey)
    }

    /// Every table that has contents of users, referenced tables first; without their columns.
    private static let all = [
        CopiedTable("vineyards", key: ["id"]),
        CopiedTable("workers", key: ["id"]),
        CopiedTable("worker_vineyards", key: ["worker_id", "vineyard_id"]),
        CopiedTable("worker_engines", key: ["worker_id", "position"]),
        CopiedTable("cloud_identities", key: ["id"]),
        CopiedTable("signing_keys", key: ["id"]),
        CopiedTable("vines", key: ["id"], pageRows: 50),
        CopiedTable("vine_names", key: ["vine_id", "title_folded"]),
        CopiedTable("provision_jobs", key: ["created_at", "id"], pageRows: 200),
        CopiedTable("provision_job_documents", key: ["job_id"], pageRows: 16, continuesAfterLastKey: true),
        CopiedTable("provision_job_logs", key: ["job_id", "seq"], pageRows: 256, continuesAfterLastKey: true),
        CopiedTable("provision_job_log_writers", key: ["job_id", "epoch"]),
        CopiedTable("provision_job_log_appends", key: ["job_id", "epoch", "n"]),
        CopiedTable("provision_job_log_blocks", key: ["job_id", "number"], pageRows: 32, continuesAfterLastKey: true),
        CopiedTable("vine_locks", key: ["vine_id"]),
        CopiedTable("vine_past_locks", key: ["vine_id", "lock_id"]),
        // One of these may have 64 MiB.
        CopiedTable("vine_state_versions", key: ["vine_id", "number"], pageRows: 1, continuesAfterLastKey: true),
        CopiedTable("plan_artifacts", key: ["job_id"], pageRows: 1, continuesAfterLastKey: true),
        CopiedTable("plan_changes", key: ["job_id", "n"], pageRows: 100, continuesAfterLastKey: true),
        CopiedTable("plan_summaries", key: ["job_id"], pageRows: 16),
        CopiedTable("run_resources", key: ["job_id", "address"]),
        CopiedTable("vine_resources", key: ["vine_id", "address"]),
        CopiedTable("run_graphs", key: ["job_id"], pageRows: 16),
        CopiedTable("run_revisions", key: ["job_id"]),
        CopiedTable("run_progress", key: ["job_id"]),
        CopiedTable("forecast_results", key: ["job_id"]),
        CopiedTable("job_errors", key: ["job_id", "fingerprint"]),
        CopiedTable("error_causes", key: ["fingerprint"]),
        CopiedTable("error_vines", key: ["fingerprint", "vine_id"]),
        CopiedTable("error_days", key: ["fingerprint", "day", "vine_id"]),
        CopiedTable("users", key: ["id"]),
        CopiedTable("api_tokens", key: ["hash"]),
        CopiedTable("sign_in_links", key: ["hash"]),
        CopiedTable("sessions", key: ["hash"]),
        CopiedTable("teams", key: ["name"]),
        CopiedTable("team_members", key: ["team", "user_name"]),
        CopiedTable("grants", key: ["id"]),
        CopiedTable("idempotency_keys", key: ["owner", "key"]),
        CopiedTable("audit_events", key: ["position"], continuesAfterLastKey: true),
        CopiedTable("audit_chain", key: ["id"]),
    ]

    static let jobs = "provision_jobs"

    /// The tables to copy.
    ///
    /// - Parameter catalog: the columns of all tables of a database that have contents of users.
    /// - Throws: ``StorageError`` for a table that is not listed here, so that none is forgotten.
    package static func all(in catalog: [String: Set<String>]) throws(StorageError) -> [CopiedTable] {
        let unknown = Set(catalog.keys).subtracting(all.map(\.name)).sorted()
        guard unknown.isEmpty else {
            throw StorageError(.failed, "It is not known how to copy \(unknown.joined(separator: ", ")).")
        }
        return all.map { table in
            var table = table
            table.columns = (catalog[table.name] ?? []).sorted()
            return table
        }
    }
}

/// A store whose tables can be read and written as they are. Nothing is decrypted: the copy needs the same key.
package protocol CopyableStore: LogStore {
    /// Every table that has contents of users, referenced tables first.
    func copiedTables() async throws -> [CopiedTable]

    func rowCount(of table: CopiedTable) async throws -> Int

    /// The rows after the key `after`, in the order of the key; `table.pageRows` at most.
    func rows(of table: CopiedTable, after: [CopiedValue]?) async throws -> [[CopiedValue]]

    /// The rows whose text column `column` has one of `values`.
    func rows(of table: CopiedTable, where column: String, isIn values: [String]) async throws -> [[CopiedValue]]

    func lastKey(of table: CopiedTable) async throws -> [CopiedValue]?

    /// Stores the rows in one commit, except those that are there.
    func insert(_ rows: [[CopiedValue]], into table: CopiedTable) async throws

    /// Ids of log chunks up to this one were used.
    func lastLogID() async throws -> Int64
    func setLastLogID(_ id: Int64) async throws

    /// What proves the key of the database, or says that it is an unfinished copy; nil for a new database.
    func mark() async throws -> Data?
    func setMark(_ mark: Data) async throws

    func close() async throws
}

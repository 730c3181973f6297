internal import Crypto
internal import Domain
package import Foundation

/// Copies everything from one store to another, and compares it. Both must be used by nobody else.
///
/// It can be interrupted at any time, and continues when it is run again. Until it has ended, the target is marked as
/// an unfinished copy, and Trellis refuses it.
package struct StoreCopy: Sendable {
    private let source: any CopyableStore
    private let target: any CopyableStore
    private let report: @Sendable (String) -> Void

    /// - Parameter report: called with sentences for people.
    package init(
        from source: any CopyableStore, to target: any CopyableStore, report: @escaping @Sendable (String) -> Void
    ) {
        (self.source, self.target, self.report) = (source, target, report)
    }

    /// - Throws: ``StorageError``, also for a difference between the two.
    package func run() async throws {
        guard let mark = try await source.mark(), !CopyMark.isUnfinished(mark) else {
            throw StorageError(.failed, "The source is empty, or an unfinished copy itself.")
        }
        let unfinished = CopyMark.unfinished(of: mark)
        switch try await target.mark() {
        case nil: try await target.setMark(unfinished)
        case unfinished?: report("Continuing an unfinished copy.")
        case let other?:
            throw StorageError(
                .failed,
                CopyMark.isUnfinished(other)
                    ? "The target is an unfinished copy of another database."
                    : "The target is in use: it must be empty.")
        }
        let tables = try await tables()
        for table in tables { try await copy(table) }
        try await target.setLastLogID(source.lastLogID())
        for table in tables { try await compare(table) }
        try await compareLogs()
        try await target.setMark(mark)
    }

    private func tables() async throws -> [CopiedTable] {
        let tables = try await source.copiedTables()
        let others = try await target.copiedTables()
        for (table, other) in zip(tables, others) where table != other {
            let odd = Set(table.columns).symmetricDifference(other.columns).sorted().joined(separator: ", ")
            throw StorageError(.failed, "The columns of \(table.name) differ: \(odd).")
        }
        return tables
    }

    // MARK: - Copying

    private func copy(_ table: CopiedTable) async throws {
        let count = try await source.rowCount(of: table)
        guard try await target.rowCount(of: table) != count else {
            if count > 0 { report("\(table.name): \(count) rows are there.") }
            return
        }
        var last = table.continuesAfterLastKey ? try await target.lastKey(of: table) : nil
        while true {
            try Task.checkCancellation()
            let rows = try await source.rows(of: table, after: last)
            guard let end = rows.last else { break }
            if table.name == CopiedTable.jobs { try await insertReferenced(by: rows, in: table) }
            try await target.insert(rows, into: table)
            last = table.key(of: end)
        }
        report("\(table.name): \(count) rows copied.")
    }

    /// Jobs refer to older ones, but clocks can be set back: inserts the jobs first that `rows` refer to.
    private func insertReferenced(by rows: [[CopiedValue]], in table: CopiedTable) async throws {
        func texts(_ column: String, _ rows: [[CopiedValue]]) -> Set<String> {
            guard let position = table.position(of: column) else { return [] }
            return Set(rows.compactMap { $0[position].text })
        }
        let wanted = texts("plan_job_id", rows).union(texts("rerun_of", rows)).subtracting(texts("id", rows))
        guard !wanted.isEmpty else { return }
        let present = texts("id", try await target.rows(of: table, where: "id", isIn: wanted.sorted()))
        let missing = wanted.subtracting(present)
        guard !missing.isEmpty else { return }
        let referenced = try await source.rows(of: table, where: "id", isIn: missing.sorted())
        try await insertReferenced(by: referenced, in: table)
        try await target.insert(referenced, into: table)
    }

    // MARK: - Comparing

    private func compare(_ table: CopiedTable) async throws {
        var last: [CopiedValue]?
        while true {
            try Task.checkCancellation()
            let ours = try await source.rows(of: table, after: last)
            guard try await target.rows(of: table, after: last) == ours else {
                throw StorageError(.corrupt, "The rows of \(table.name) differ. Empty the target and start again.")
            }
            guard let end = ours.last else { return }
            last = table.key(of: end)
        }
    }

    /// Reads every log on both sides as Trellis reads it: its length, and the digest of each of its writers.
    private func compareLogs() async throws {
        var (jobs, lines) = (0, Int64(0))
        guard let writers = try await source.copiedTables().first(where: { $0.name == "provision_job_log_writers" }),
            let job = writers.position(of: "job_id"), let epoch = writers.position(of: "epoch")
        else { return }
        var last: [CopiedValue]?
        var seen: JobID?
        while true {
            try Task.checkCancellation()
            let rows = try await source.rows(of: writers, after: last)
            guard let end = rows.last else { break }
            last = writers.key(of: end)
            for row in rows {
                guard let id = row[job].text.flatMap({ JobID($0) }), let epoch = row[epoch].integer else { continue }
                if seen != id {
                    let size = try await source.logSize(of: id)
                    guard try await target.logSize(of: id) == size else { throw differs(id) }
                    seen = id
                    jobs += 1
                    lines += size.lines
                }
                let digest = try await source.logDigest(of: id, epoch: Int(epoch))
                guard try await target.logDigest(of: id, epoch: Int(epoch)) == digest else { throw differs(id) }
            }
        }
        report("All rows are the same. \(jobs) logs with \(lines) lines have the same digests.")
    }

    private func differs(_ job: JobID) -> StorageError {
        StorageError(.corrupt, "The log of job \(job) differs. Empty the target and start again.")
    }
}

/// The mark of a database that is not complete yet, in place of the proof of its key.
package enum CopyMark {
    private static let prefix = Data("unfinished copy of ".utf8)

    /// For a copy of the database whose own mark is `mark`, which differs for each database.
    static func unfinished(of mark: Data) -> Data { prefix + Data(SHA256.hash(data: mark)) }

    package static func isUnfinished(_ mark: Data) -> Bool { mark.starts(with: prefix) }

    /// What Trellis says about such a database.
    package static var error: StorageError {
        StorageError(.failed, "The database is an unfinished copy. Run the same \"vintner migrate\" again.")
    }
}

public import Domain
internal import Foundation
internal import GRDB
public import Storage

extension SQLiteStore {
    public func savePlanChanges(_ part: PlanChangesPart, of job: JobID, epoch: Int) async throws {
        let rows = try part.changes.map { try StoredPlanChange($0, of: job, vault: vault) }
        let summary = try part.summary.map { try vault.encrypt($0, for: .planSummary(job)) }
        let cost = rows.reduce(0) { $0 + $1.sealed.count + $1.facts.utf8.count }
        try await write(cost: cost) { db, changes in
            let state = try JobRow.require(job, db).state
            guard state.leaseHeld, state.epoch == epoch else { throw Refusal.noLease(of: job, epoch: epoch) }
            if part.isFirst {
                try db.run("DELETE FROM plan_changes WHERE job_id = ?", job.rawValue)
                try db.run("DELETE FROM plan_summaries WHERE job_id = ?", job.rawValue)
            }
            for row in rows {
                let change = row.change
                try db.run(
                    """
                    INSERT OR REPLACE INTO plan_changes
                        (job_id, n, address, deposed, module, type, action, reason, digest, facts, sealed)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                    """, job.rawValue, change.n, change.address, change.deposed, change.module, change.type,
                    change.action.rawValue, change.reason, row.digest, row.facts, row.sealed)
            }
            try db.run(
                """
                INSERT INTO plan_summaries (job_id, is_complete, sealed) VALUES (?, ?, ?)
                ON CONFLICT (job_id) DO UPDATE SET is_complete = excluded.is_complete, sealed = excluded.sealed
                """, job.rawValue, summary == nil ? 0 : 1, summary)
            if summary != nil { changes.append(.job(job)) }
        }
    }

    public func planSummary(of job: JobID) async throws -> StoredPlanSummary? {
        let sealed: Data?? = try await read { db in
            try db.row("SELECT sealed FROM plan_summaries WHERE job_id = ?", job.rawValue).map { $0["sealed"] as Data? }
        }
        guard let sealed else { return nil }
        return StoredPlanSummary(
            summary: try sealed.map { try vault.decryptDocument($0, for: .planSummary(job)) })
    }

    public func planChanges(
        of job: JobID, _ query: PlanChangeQuery, limit: Int, after: Int
    ) async throws -> PlanChangePage {
        let limit = PageLimit.clamped(limit)
        let end = PlanChangePage.end(after: after)
        let (found, last) = try await read { db in
            var condition = "job_id = :job AND n > :after AND n <= :end"
            var values: [String: SQLValue] = [
                "job": job.rawValue, "after": after, "end": end, "limit": limit + 1,
            ]
            if let type = query.type {
                condition += " AND type = :type"
                values["type"] = type
            }
            if let text = query.text {
                condition += " AND instr(lower(address), lower(:text)) > 0"
                values["text"] = text
            }
            if let actions = query.actions {
                let names = actions.map(\.rawValue).sorted()
                condition += " AND action IN (\(names.indices.map { ":action\($0)" }.joined(separator: ", ")))"
                for (index, name) in names.enumerated() { values["action\(index)"] = name }
            }
            let found = try db.rows(
                "SELECT facts FROM plan_changes WHERE \(condition) ORDER BY n LIMIT :limit",
                arguments: StatementArguments(values)
            ) { try StoredJSON.decode(PlanChange.self, from: $0.text("facts")) }
            let last = try db.row("SELECT max(n) AS last FROM plan_changes WHERE job_id = ?", job.rawValue)?
                .optionalInt("last")
            return (found, last ?? 0)
        }
        return PlanChangePage(found: found, limit: limit, end: end, last: last)
    }

    public func planChange(_ n: Int, of job: JobID) async throws -> PlanChangeRecord? {
        let found = try await read { db in
            try db.row(
                "SELECT facts, digest, sealed FROM plan_changes WHERE job_id = ? AND n = ?", job.rawValue, n
            ).map { (try $0.text("facts"), try $0.text("digest"), try $0.blob("sealed")) }
        }
        return try found.map { facts, digest, sealed in
            try PlanChangeRecord(facts: facts, digest: digest, sealed: sealed, of: job, n: n, vault: vault)
        }
    }

    public func planDigests(of job: JobID) async throws -> [PlanChangeDigest] {
        try await read { db in
            try db.rows(
                "SELECT facts, digest FROM plan_changes WHERE job_id = ? ORDER BY n LIMIT ?", job.rawValue,
                PlanChangeLimits.resources
            ) {
                PlanChangeDigest(
                    change: try StoredJSON.decode(PlanChange.self, from: $0.text("facts")),
                    digest: try $0.text("digest"))
            }
        }
    }
}

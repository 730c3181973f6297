public import Domain
internal import Foundation
internal import Postgres
public import Storage

extension PostgresStore {
    public func savePlanChanges(_ part: PlanChangesPart, of job: JobID, epoch: Int) async throws {
        let rows = try part.changes.map { try StoredPlanChange($0, of: job, vault: vault) }
        let summary = try part.summary.map { try vault.encrypt($0, for: .planSummary(job)) }
        try await write { db, changes in
            let state = try JobRow.lockAndRequire(job, db).state
            guard state.leaseHeld, state.epoch == epoch else { throw Refusal.noLease(of: job, epoch: epoch) }
            if part.isFirst {
                db.run("DELETE FROM plan_changes WHERE job_id = $1", job)
                db.run("DELETE FROM plan_summaries WHERE job_id = $1", job)
            }
            for row in rows {
                let change = row.change
                db.run(
                    """
                    INSERT INTO plan_changes (job_id, n, address, deposed, module, type, action, reason, digest, facts, sealed)
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
                    ON CONFLICT (job_id, n) DO UPDATE SET address = excluded.address, deposed = excluded.deposed,
                        module = excluded.module, type = excluded.type, action = excluded.action,
                        reason = excluded.reason, digest = excluded.digest, facts = excluded.facts,
                        sealed = excluded.sealed
                    """, job, change.n, change.address, change.deposed, change.module, change.type,
                    change.action.rawValue, change.reason, row.digest, row.facts, row.sealed)
            }
            db.run(
                """
                INSERT INTO plan_summaries (job_id, is_complete, sealed) VALUES ($1, $2, $3)
                ON CONFLICT (job_id) DO UPDATE SET is_complete = excluded.is_complete, sealed = excluded.sealed
                """, job, summary != nil, summary)
            if summary != nil { changes.append(.job(job)) }
        }
    }

    public func planSummary(of job: JobID) async throws -> StoredPlanSummary? {
        let sealed: Data?? = try await readOnce { db in
            try db.row("SELECT sealed FROM plan_summaries WHERE job_id = $1", job).map {
                try $0.optionalBytes("sealed")
            }
        }
        guard let sealed else { return nil }
        return StoredPlanSummary(summary: try sealed.map { try vault.decryptDocument($0, for: .planSummary(job)) })
    }

    public func planChanges(
        of job: JobID, _ query: PlanChangeQuery, limit: Int, after: Int
    ) async throws -> PlanChangePage {
        let limit = PageLimit.clamped(limit)
        let end = PlanChangePage.end(after: after)
        let (found, last) = try await read { db in
            let found = try db.rows(
                Self.planPageSQL, job, after, end, query.type, query.text,
                query.actions.map { $0.map(\.rawValue).sorted().joined(separator: ",") }, limit + 1
            ) { try StoredJSON.decode(PlanChange.self, from: $0.text("facts")) }
            let last = try db.row("SELECT max(n) AS last FROM plan_changes WHERE job_id = $1", job)?
                .optionalInt("last")
            return (found, last ?? 0)
        }
        return PlanChangePage(found: found, limit: limit, end: end, last: last)
    }

    // Only ASCII letters match in either case, whatever the collation of the database.
    private static let planPageSQL = """
        SELECT facts FROM plan_changes WHERE job_id = $1 AND n > $2 AND n <= $3
            AND ($4::text IS NULL OR type = $4)
            AND ($5::text IS NULL OR strpos(lower(address COLLATE "C"), lower($5 COLLATE "C")) > 0)
            AND ($6::text IS NULL OR action = ANY (string_to_array($6, ',')))
        ORDER BY n LIMIT $7
        """

    public func planChange(_ n: Int, of job: JobID) async throws -> PlanChangeRecord? {
        let found = try await readOnce { db in
            try db.row("SELECT facts, digest, sealed FROM plan_changes WHERE job_id = $1 AND n = $2", job, n).map {
                (try $0.text("facts"), try $0.text("digest"), try $0.blob("sealed"))
            }
        }
        return try found.map { facts, digest, sealed in
            try PlanChangeRecord(facts: facts, digest: digest, sealed: sealed, of: job, n: n, vault: vault)
        }
    }

    public func planDigests(of job: JobID) async throws -> [PlanChangeDigest] {
        try await readOnce { db in
            try db.rows(
                "SELECT facts, digest FROM plan_changes WHERE job_id = $1 ORDER BY n LIMIT $2", job,
                PlanChangeLimits.resources
            ) {
                PlanChangeDigest(
                    change: try StoredJSON.decode(PlanChange.self, from: $0.text("facts")),
                    digest: try $0.text("digest"))
            }
        }
    }
}

internal import Domain
internal import Foundation
internal import Postgres
internal import Storage

/// The statements with which nodes find each other, divide duties, and follow what others changed.
enum NodeRows {
    /// A node that has not been seen for this long counts as gone, in seconds.
    static let patience = 15

    /// Says that the node lives.
    static func beat(_ node: String, _ db: Database) throws {
        try db.query(
            """
            INSERT INTO trellis_nodes VALUES ($1, clock_timestamp())
            ON CONFLICT (id) DO UPDATE SET seen_at = clock_timestamp()
            """, [.uuid(node)])
    }

    /// What one poll finds.
    struct News: Sendable {
        var others: Int
        var horizon: Int64
        var rows: [ChangeCursor.Row]
        var heads: [(job: JobID, seq: Int64)]
    }

    /// - Parameters:
    ///   - next: rows of transactions from this one on are read; nil for none.
    ///   - followed: the logs whose ends are asked for.
    static func news(for node: String, from next: Int64?, followed: [JobID], _ db: Database) throws -> News {
        // One statement, so that horizon and rows are of one moment.
        let found = try db.queryAll([
            (
                """
                SELECT now.others, now.horizon, c.position, c.node, c.changes
                FROM (
                    SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS horizon, (
                        SELECT count(*) FROM trellis_nodes
                        WHERE id <> $1 AND seen_at > clock_timestamp() - interval '\(patience) seconds') AS others
                ) AS now
                LEFT JOIN store_changes AS c ON c.xid >= $2
                ORDER BY c.position
                """, [.uuid(node), .int(next ?? Int64.max)]
            ),
            (
                "SELECT job_id, seq FROM provision_job_log_heads WHERE job_id = ANY($1)",
                [.uuids(followed.map(\.rawValue))]
            ),
        ])
        var news = News(others: 0, horizon: 0, rows: [], heads: [])
        for row in found[0].map({ $0 }) {
            news.others = try row.int("others")
            news.horizon = try row.integer("horizon")
            guard let position = try row.optionalInteger("position") else { continue }
            news.rows.append(
                ChangeCursor.Row(
                    position: position, node: try row.text("node"), changes: try row.text("changes")))
        }
        news.heads = try found[1].map { (job: try $0.id("job_id"), seq: try $0.integer("seq")) }
        return news
    }

    /// Whether a node could have a duty now. Asking writes nothing.
    static func isFree(_ duty: String, for node: String, _ db: Database) throws -> Bool {
        let row = try db.row(
            "SELECT holder = $2 OR expires_at < clock_timestamp() AS is_free FROM duties WHERE name = $1", duty,
            PostgresValue.uuid(node))
        return try row?.flag("is_free") ?? true
    }

    /// Takes or renews a duty. - Returns: its term; nil while another node has it.
    static func take(_ duty: String, for node: String, _ db: Database) throws -> Int64? {
        let lifetime = "interval '\(HeldDuties.lifetime.components.seconds) seconds'"
        return try db.row(
            """
            INSERT INTO duties VALUES ($1, 1, $2, clock_timestamp(), clock_timestamp() + \(lifetime))
            ON CONFLICT (name) DO UPDATE SET
                term = duties.term + CASE WHEN duties.holder = $2 THEN 0 ELSE 1 END,
                elected_at = CASE WHEN duties.holder = $2 THEN duties.elected_at ELSE clock_timestamp() END,
                holder = $2, expires_at = clock_timestamp() + \(lifetime)
            WHERE duties.holder = $2 OR duties.expires_at < clock_timestamp()
            RETURNING term
            """, duty, PostgresValue.uuid(node))?.integer("term")
    }

    /// Gives up all duties of the node, and takes it off the list.
    static func leave(_ node: String, _ db: Database) {
        db.run("UPDATE duties SET expires_at = '-infinity' WHERE holder = $1", PostgresValue.uuid(node))
        db.run("DELETE FROM trellis_nodes WHERE id = $1", PostgresValue.uuid(node))
    }

    /// Locks a duty's row so that nobody takes it before the end of the transaction.
    ///
    /// - Throws: ``StorageError`` `.fenced` if another node has taken it since.
    static func require(_ term: DutyTerm, _ db: Database) throws {
        let isCurrent = try db.exists(
            "SELECT 1 FROM duties WHERE name = $1 AND term = $2 FOR SHARE", term.duty, term.number)
        guard isCurrent else {
            throw StorageError(.fenced, "Another node has taken over the duty \"\(term.duty)\".")
        }
    }

    static func deleteOld(_ db: Database) {
        db.run("DELETE FROM store_changes WHERE made_at < now() - interval '10 minutes'")
        db.run("DELETE FROM trellis_nodes WHERE seen_at < now() - interval '1 day'")
    }
}

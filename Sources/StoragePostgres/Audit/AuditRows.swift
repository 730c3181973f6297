internal import Domain
internal import Foundation
internal import Postgres
internal import Storage

extension AuditEvent {
    func insert(_ vault: Vault, _ db: Database) throws {
        db.run(
            """
            INSERT INTO audit_events (id, at, actor_kind, actor_id, actor_name, actor_source, roles, token_id,
                request_id, ip, action, resource_kind, resource_id, resource_name, vine_id, job_id, outcome, reason,
                changes, mac)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
            """, id, at, actor.kind.rawValue, actor.id, actor.name, actor.source,
            try StoredJSON.encode(actor.roles), actor.tokenID, requestID, address, action.rawValue, resource?.kind,
            resource?.id, resource?.name, vine, job, outcome.rawValue, reason, try StoredJSON.encode(changes),
            vault.mac(of: self))
    }
}

extension AuditChainEnds {
    /// - Parameter locking: so that nobody else moves them in the meantime.
    static func find(_ vault: Vault, locking: Bool = false, _ db: Database) throws -> AuditChainEnds {
        let sql = "SELECT * FROM audit_chain WHERE id = 1" + (locking ? " FOR UPDATE" : "")
        return try AuditChainEnds(stored: try db.row(sql), vault)
    }

    /// Stores both ends.
    func save(_ vault: Vault, _ db: Database) {
        let macs = macs(vault)
        db.run(
            """
            INSERT INTO audit_chain VALUES (1, $1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO UPDATE SET
                base_number = $1, base_hash = $2, base_mac = $3, head_number = $4, head_hash = $5, head_mac = $6
            """, base.number, base.hash, macs.base, head.number, head.hash, macs.head)
    }
}

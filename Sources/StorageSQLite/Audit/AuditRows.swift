internal import Domain
internal import Foundation
internal import GRDB
internal import Storage

extension AuditEvent {
    func insert(_ vault: Vault, _ db: Database) throws {
        try db.run(
            """
            INSERT INTO audit_events (id, at, actor_kind, actor_id, actor_name, actor_source, roles, token_id,
                request_id, ip, action, resource_kind, resource_id, resource_name, vine_id, job_id, outcome, reason,
                changes, mac)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """, id.rawValue, at.milliseconds, actor.kind.rawValue, actor.id, actor.name, actor.source,
            try StoredJSON.encode(actor.roles), actor.tokenID, requestID, address, action.rawValue, resource?.kind,
            resource?.id, resource?.name, vine?.rawValue, job?.rawValue, outcome.rawValue, reason,
            try StoredJSON.encode(changes), vault.mac(of: self))
    }
}

extension AuditChainEnds {
    static func find(_ vault: Vault, _ db: Database) throws -> AuditChainEnds {
        try AuditChainEnds(stored: try db.row("SELECT * FROM audit_chain WHERE id = 1"), vault)
    }

    /// Stores both ends.
    func save(_ vault: Vault, _ db: Database) throws {
        let macs = macs(vault)
        try db.run(
            "INSERT OR REPLACE INTO audit_chain VALUES (1, ?, ?, ?, ?, ?, ?)", base.number, base.hash, macs.base,
            head.number, head.hash, macs.head)
    }
}

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

    fileprivate init(_ row: Row) throws {
        self.init(
            id: try row.id("id"), at: try row.time("at"),
            actor: AuditActor(
                kind: try row.name("actor_kind"), id: try row.optionalText("actor_id"),
                name: try row.text("actor_name"), source: try row.optionalText("actor_source"),
                roles: try StoredJSON.decode([String].self, from: row.text("roles")),
                tokenID: try row.optionalText("token_id")),
            requestID: try row.optionalText("request_id"), address: try row.optionalText("ip"),
            action: AuditAction(try row.text("action")),
            resource: try row.optionalText("resource_kind").map { kind in
                AuditResource(
                    kind, try row.optionalText("resource_id") ?? "", name: try row.optionalText("resource_name"))
            },
            vine: try row.optionalID("vine_id"), job: try row.optionalID("job_id"), outcome: try row.name("outcome"),
            reason: try row.optionalText("reason"),
            changes: try StoredJSON.decode([String: JSONValue].self, from: row.text("changes")))
    }
}

extension AuditRecord {
    init(_ row: Row, _ vault: Vault) throws {
        let seal = try row.optionalInteger("number").map { number in
            AuditSeal(
                number: number, previousHash: try row.optionalText("prev_hash") ?? "",
                hash: try row.optionalText("hash") ?? "")
        }
        self.init(
            event: { try AuditEvent(row) }, seal: seal, mac: try row.blob("mac"),
            position: try row.integer("position"), vault: vault)
    }
}

extension AuditChainEnds {
    /// - Parameter locking: so that nobody else moves them in the meantime.
    static func find(_ vault: Vault, locking: Bool = false, _ db: Database) throws -> AuditChainEnds {
        let sql = "SELECT * FROM audit_chain WHERE id = 1" + (locking ? " FOR UPDATE" : "")
        guard let row = try db.row(sql) else { return AuditChainEnds() }
        let base = AuditEnd(number: try row.integer("base_number"), hash: try row.text("base_hash"))
        let head = AuditEnd(number: try row.integer("head_number"), hash: try row.text("head_hash"))
        let isAuthentic =
            try row.blob("base_mac") == vault.mac(of: base, "base")
            && row.blob("head_mac") == vault.mac(of: head, "head")
        return AuditChainEnds(base: base, head: head, isAuthentic: isAuthentic)
    }

    /// Stores both ends. Ends that Vintner did not write stay recognizable.
    func save(_ vault: Vault, _ db: Database) {
        let macs = isAuthentic ? (vault.mac(of: base, "base"), vault.mac(of: head, "head")) : (Data(), Data())
        db.run(
            """
            INSERT INTO audit_chain VALUES (1, $1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO UPDATE SET
                base_number = $1, base_hash = $2, base_mac = $3, head_number = $4, head_hash = $5, head_mac = $6
            """, base.number, base.hash, macs.0, head.number, head.hash, macs.1)
    }
}

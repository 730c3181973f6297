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

    fileprivate init(_ row: Row) throws {
        self.init(
            id: try row.id("id"), at: try row.time("at"),
            actor: AuditActor(
                kind: try row.name("actor_kind"), id: row.optionalText("actor_id"), name: try row.text("actor_name"),
                source: row.optionalText("actor_source"),
                roles: try StoredJSON.decode([String].self, from: row.text("roles")),
                tokenID: row.optionalText("token_id")),
            requestID: row.optionalText("request_id"), address: row.optionalText("ip"),
            action: AuditAction(try row.text("action")),
            resource: row.optionalText("resource_kind").map { kind in
                AuditResource(kind, row.optionalText("resource_id") ?? "", name: row.optionalText("resource_name"))
            },
            vine: try row.optionalID("vine_id"), job: try row.optionalID("job_id"), outcome: try row.name("outcome"),
            reason: row.optionalText("reason"),
            changes: try StoredJSON.decode([String: JSONValue].self, from: row.text("changes")))
    }
}

extension AuditRecord {
    init(_ row: Row, _ vault: Vault) throws {
        let seal = row.optionalInteger("number").map { number in
            AuditSeal(
                number: number, previousHash: row.optionalText("prev_hash") ?? "",
                hash: row.optionalText("hash") ?? "")
        }
        self.init(
            event: { try AuditEvent(row) }, seal: seal, mac: try row.blob("mac"),
            position: try row.integer("position"), vault: vault)
    }
}

extension AuditChainEnds {
    static func find(_ vault: Vault, _ db: Database) throws -> AuditChainEnds {
        guard let row = try db.row("SELECT * FROM audit_chain WHERE id = 1") else { return AuditChainEnds() }
        let base = AuditEnd(number: try row.integer("base_number"), hash: try row.text("base_hash"))
        let head = AuditEnd(number: try row.integer("head_number"), hash: try row.text("head_hash"))
        let isAuthentic =
            try row.blob("base_mac") == vault.mac(of: base, "base")
            && row.blob("head_mac") == vault.mac(of: head, "head")
        return AuditChainEnds(base: base, head: head, isAuthentic: isAuthentic)
    }

    /// Stores both ends. Ends that Vintner did not write stay recognizable.
    func save(_ vault: Vault, _ db: Database) throws {
        let macs = isAuthentic ? (vault.mac(of: base, "base"), vault.mac(of: head, "head")) : (Data(), Data())
        try db.run(
            "INSERT OR REPLACE INTO audit_chain VALUES (1, ?, ?, ?, ?, ?, ?)", base.number, base.hash, macs.0,
            head.number, head.hash, macs.1)
    }
}

package import Domain
package import Foundation

/// A row of either engine. An invalid value in a column is a `.corrupt` error, never a crash.
package protocol StoredRow {
    func text(_ column: String) throws -> String
    func optionalText(_ column: String) throws -> String?
    func integer(_ column: String) throws -> Int64
    func optionalInteger(_ column: String) throws -> Int64?
    func flag(_ column: String) throws -> Bool
    func blob(_ column: String) throws -> Data
    func time(_ column: String) throws -> Timestamp
    func optionalTime(_ column: String) throws -> Timestamp?
    func id<Noun>(_ column: String) throws -> Identifier<Noun>
    func optionalID<Noun>(_ column: String) throws -> Identifier<Noun>?
    func name<Name: RawRepresentable<String>>(_ column: String) throws -> Name
}

extension StoredRow {
    fileprivate func scope() throws -> GrantScope {
        guard let scope = GrantScope(try text("scope")) else {
            throw StorageError(.corrupt, "The column scope has an invalid value.")
        }
        return scope
    }

    /// A stored name is not checked again: names of earlier versions had other rules.
    fileprivate func principal() throws -> GrantPrincipal {
        let parts = try text("principal").split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let kind = GrantPrincipal.Kind(rawValue: String(parts[0])) else {
            throw StorageError(.corrupt, "The column principal has an invalid value.")
        }
        return GrantPrincipal(kind, String(parts[1]))
    }
}

// MARK: - Rights

extension Vineyard {
    package init(stored row: some StoredRow) throws {
        self.init(
            id: try row.id("id"), name: try row.text("name"), createdBy: try row.text("created_by"),
            createdAt: try row.time("created_at"))
    }
}

extension Team {
    package init(stored row: some StoredRow, members: Set<String>) throws {
        self.init(
            name: try row.text("name"), group: try row.optionalText("idp_group"), members: members,
            createdBy: try row.text("created_by"), createdAt: try row.time("created_at"))
    }
}

extension Rights.Held {
    package init(stored row: some StoredRow) throws {
        self.init(role: try row.name("role"), scope: try row.scope(), through: try row.principal())
    }
}

extension Grant {
    package init(stored row: some StoredRow) throws {
        self.init(
            id: try row.id("id"), principal: try row.principal(), role: try row.name("role"), scope: try row.scope(),
            createdBy: try row.text("created_by"), createdAt: try row.time("created_at"),
            isAutomatic: try row.flag("automatic"))
    }
}

// MARK: - People and their credentials

extension UserRow {
    package init(stored row: some StoredRow) throws {
        self.init(
            id: try row.id("id"), name: try row.text("name"), kind: try row.name("kind"),
            issuer: try row.optionalText("issuer"), subject: try row.optionalText("subject"),
            password: try row.optionalText("password"), groups: try row.text("groups"),
            groupsAt: try row.optionalTime("groups_at"), createdBy: try row.text("created_by"),
            createdAt: try row.time("created_at"), lastSeenAt: try row.optionalTime("last_seen_at"),
            disabledAt: try row.optionalTime("disabled_at"), removedAt: try row.optionalTime("removed_at"))
    }

    /// Whom a row of a credential stands for that was joined with its user, if there is one. A user without an account
    /// yet, such as the administrator, needs none for a token or session to work.
    package static func account(
        _ name: String, scopes: Set<Permission>?, _ row: some StoredRow, at now: Timestamp
    ) throws -> Account? {
        guard try row.optionalText("id") != nil else { return Account(name: name, scopes: scopes) }
        return try UserRow(stored: row).account(scopes: scopes, at: now)
    }
}

extension AccessEntry {
    package init(stored row: some StoredRow, in table: AccessTable) throws {
        switch table {
        case .tokens:
            self.init(
                kind: .token, hash: try row.blob("hash"), name: try row.text("name"), owner: try row.text("owner"),
                createdAt: try row.time("created_at"), expiresAt: try row.optionalTime("expires_at"),
                lastUsedAt: try row.optionalTime("last_used_at"),
                scopes: try StoredScopes.decode(try row.optionalText("scopes")))
        case .sessions:
            self.init(
                kind: .session, hash: try row.blob("hash"), name: try row.text("user_name"),
                createdAt: try row.optionalTime("created_at"), expiresAt: try row.time("expires_at"),
                lastUsedAt: try row.optionalTime("last_used_at"), method: try row.name("method"),
                address: try row.text("address"), agent: try row.text("agent"))
        case .links:
            self.init(
                kind: try row.name("kind"), hash: try row.blob("hash"), name: try row.text("user_name"),
                createdBy: try row.optionalText("created_by"), expiresAt: try row.time("expires_at"))
        }
    }
}

extension RefreshableSession {
    /// - Parameter decrypt: gives the refresh token of the session with this ID.
    package init(stored row: some StoredRow, decrypt: (Data, String) throws -> Data) throws {
        let hash = try row.blob("hash")
        let token = try decrypt(try row.blob("refresh"), AccessEntry.id(of: hash))
        self.init(
            hash: hash, user: try row.text("user_name"),
            identity: ExternalIdentity(issuer: try row.text("issuer"), subject: try row.text("subject")),
            refreshToken: String(decoding: token, as: UTF8.self), refreshedAt: try row.time("refreshed_at"))
    }
}

// MARK: - The audit log

extension AuditRecord {
    package init(stored row: some StoredRow, _ vault: Vault) throws {
        let seal = try row.optionalInteger("number").map { number in
            AuditSeal(
                number: number, previousHash: try row.optionalText("prev_hash") ?? "",
                hash: try row.optionalText("hash") ?? "")
        }
        self.init(
            event: { try AuditEvent(stored: row) }, seal: seal, mac: try row.blob("mac"),
            position: try row.integer("position"), vault: vault)
    }
}

extension AuditEvent {
    fileprivate init(stored row: some StoredRow) throws {
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

extension AuditChainEnds {
    /// The stored ends; `row` is nil before there are any.
    package init(stored row: (some StoredRow)?, _ vault: Vault) throws {
        guard let row else {
            self.init()
            return
        }
        let base = AuditEnd(number: try row.integer("base_number"), hash: try row.text("base_hash"))
        let head = AuditEnd(number: try row.integer("head_number"), hash: try row.text("head_hash"))
        self.init(
            base: base, head: head,
            isAuthentic: try row.blob("base_mac") == vault.mac(of: base, "base")
                && row.blob("head_mac") == vault.mac(of: head, "head"))
    }

    /// The MACs to store. Ends that Vintner did not write stay recognizable.
    package func macs(_ vault: Vault) -> (base: Data, head: Data) {
        isAuthentic ? (vault.mac(of: base, "base"), vault.mac(of: head, "head")) : (Data(), Data())
    }
}

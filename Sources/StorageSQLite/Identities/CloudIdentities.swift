public import Domain
internal import Foundation
internal import GRDB
public import Storage

extension SQLiteStore {
    public func identities() async throws -> [CloudIdentity] {
        try await read { db in
            try db.rows("SELECT * FROM cloud_identities ORDER BY name, id", make: CloudIdentity.init)
        }
    }

    public func identity(_ id: CloudIdentityID) async throws -> CloudIdentity? {
        try await read { db in try CloudIdentity.find(id, db) }
    }

    public func createIdentity(_ identity: CloudIdentity) async throws {
        let (plan, apply) = (try StoredJSON.encode(identity.plan), try StoredJSON.encode(identity.apply))
        try await write { db, _ in
            try Vineyard.require(identity.vineyard, db)
            try identity.requireFreeName(db)
            guard try db.row("SELECT count(*) AS n FROM cloud_identities")?.int("n") ?? 0 < CloudIdentity.limit else {
                throw RightsRules.tooMany("cloud identities", CloudIdentity.limit)
            }
            try db.run(
                """
                INSERT INTO cloud_identities (id, name, vineyard_id, provider, plan_access, apply_access, created_by,
                    created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                """, identity.id.rawValue, identity.name, identity.vineyard.rawValue, identity.provider.rawValue, plan,
                apply,
                identity.createdBy, identity.createdAt.milliseconds, identity.updatedAt.milliseconds)
        }
    }

    public func updateIdentity(_ identity: CloudIdentity) async throws -> CloudIdentity {
        let (plan, apply) = (try StoredJSON.encode(identity.plan), try StoredJSON.encode(identity.apply))
        return try await write { db, _ in
            guard var stored = try CloudIdentity.find(identity.id, db) else { throw Refusal.notFound("cloud identity") }
            stored.name = identity.name
            stored.plan = identity.plan
            stored.apply = identity.apply
            stored.updatedAt = identity.updatedAt
            try stored.requireFreeName(db)
            try db.run(
                """
                UPDATE cloud_identities SET name = ?, plan_access = ?, apply_access = ?, updated_at = ? WHERE id = ?
                """, stored.name, plan, apply, stored.updatedAt.milliseconds, stored.id.rawValue)
            return stored
        }
    }

    public func deleteIdentity(_ id: CloudIdentityID) async throws {
        try await write { db, _ in
            guard let identity = try CloudIdentity.find(id, db) else { throw Refusal.notFound("cloud identity") }
            let user = try db.row(
                "SELECT * FROM vines WHERE identity_id = ? AND deleted_at IS NULL LIMIT 1", id.rawValue
            ).map(VineRow.init)
            if let user = try user?.vine() {
                throw Refusal(
                    .conflict, "The vine \(user.title) uses the cloud identity \(identity.name). Change the vine first."
                )
            }
            try db.run("UPDATE vines SET identity_id = NULL WHERE identity_id = ?", id.rawValue)
            try db.run("DELETE FROM cloud_identities WHERE id = ?", id.rawValue)
        }
    }

    public func vines(using id: CloudIdentityID, limit: Int) async throws -> [Vine] {
        try await read { db in
            try db.rows(
                """
                SELECT * FROM vines WHERE identity_id = ? AND deleted_at IS NULL ORDER BY created_at, id LIMIT ?
                """, id.rawValue, limit, make: VineRow.init)
        }.map { try $0.vine() }
    }

    // MARK: - Signing keys

    public func signingKeys() async throws -> [SigningKey] {
        let stored = try await read { db in
            try db.rows("SELECT * FROM signing_keys ORDER BY used_from, id") { row in
                (
                    place: SigningKeySchedule.Key(
                        id: try row.text("id"), createdAt: try row.time("created_at"),
                        usedFrom: try row.time("used_from")),
                    sealed: try row.blob("private_key"), publicKey: try row.text("public_key")
                )
            }
        }
        return try stored.map { key in
            SigningKey(
                place: key.place, privateKey: try vault.decrypt(key.sealed, for: .signingKey(id: key.place.id)),
                publicKey: key.publicKey)
        }
    }

    public func addSigningKey(_ key: SigningKey, after newest: String?) async throws -> Bool {
        let sealed = try vault.encrypt(key.privateKey, for: .signingKey(id: key.place.id))
        return try await write(completing: AuditCompletion { isStored, _ in isStored }) { db, _ in
            let last = try db.row("SELECT id FROM signing_keys ORDER BY used_from DESC, id DESC LIMIT 1")?.text("id")
            guard last == newest else { return false }
            try db.run(
                """
                INSERT INTO signing_keys (id, private_key, public_key, created_at, used_from)
                VALUES (?, ?, ?, ?, ?)
                """, key.place.id, sealed, key.publicKey, key.place.createdAt.milliseconds,
                key.place.usedFrom.milliseconds)
            return true
        }
    }

    public func deleteSigningKeys(_ ids: Set<String>) async throws {
        try await write { db, _ in
            for id in ids.sorted() { try db.run("DELETE FROM signing_keys WHERE id = ?", id) }
        }
    }
}

extension CloudIdentity {
    fileprivate init(_ row: Row) throws {
        self.init(
            id: try row.id("id"), name: try row.text("name"), vineyard: try row.id("vineyard_id"),
            provider: try row.name("provider"),
            plan: try StoredJSON.decode(CloudAccess.self, from: try row.text("plan_access")),
            apply: try StoredJSON.decode(CloudAccess.self, from: try row.text("apply_access")),
            createdBy: try row.text("created_by"), createdAt: try row.time("created_at"),
            updatedAt: try row.time("updated_at"))
    }

    static func find(_ id: CloudIdentityID, _ db: Database) throws -> CloudIdentity? {
        try db.row("SELECT * FROM cloud_identities WHERE id = ?", id.rawValue).map(CloudIdentity.init)
    }

    /// - Throws: ``Refusal`` if a vine of `vineyard` can't use the identity; never for nil.
    static func checkUse(_ id: CloudIdentityID?, in vineyard: VineyardID, _ db: Database) throws {
        guard let id else { return }
        try RightsRules.checkUse(of: try find(id, db), in: vineyard)
    }

    fileprivate func requireFreeName(_ db: Database) throws {
        let isTaken = try db.exists(
            "SELECT 1 FROM cloud_identities WHERE vineyard_id = ? AND name = ? AND id <> ?", vineyard.rawValue, name,
            id.rawValue)
        guard !isTaken else { throw RightsRules.taken("cloud identity", name) }
    }
}

public import Domain
internal import Foundation
internal import Postgres
public import Storage

extension PostgresStore {
    public func identities() async throws -> [CloudIdentity] {
        try await readOnce { db in
            try db.rows("SELECT * FROM cloud_identities ORDER BY name, id", make: CloudIdentity.init)
        }
    }

    public func identity(_ id: CloudIdentityID) async throws -> CloudIdentity? {
        try await readOnce { db in try CloudIdentity.find(id, db) }
    }

    public func createIdentity(_ identity: CloudIdentity) async throws {
        let (plan, apply) = (try StoredJSON.encode(identity.plan), try StoredJSON.encode(identity.apply))
        try await write { db, _ in
            db.run("LOCK TABLE cloud_identities IN SHARE ROW EXCLUSIVE MODE")
            try Vineyard.require(identity.vineyard, db)
            try identity.requireFreeName(db)
            guard try db.row("SELECT count(*) AS n FROM cloud_identities")?.int("n") ?? 0 < CloudIdentity.limit else {
                throw RightsRules.tooMany("cloud identities", CloudIdentity.limit)
            }
            db.run(
                """
                INSERT INTO cloud_identities (id, name, vineyard_id, provider, plan_access, apply_access, created_by,
                    created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
                """, identity.id, identity.name, identity.vineyard, identity.provider.rawValue, plan, apply,
                identity.createdBy, identity.createdAt, identity.updatedAt)
        }
    }

    public func updateIdentity(_ identity: CloudIdentity) async throws -> CloudIdentity {
        let (plan, apply) = (try StoredJSON.encode(identity.plan), try StoredJSON.encode(identity.apply))
        return try await write { db, _ in
            db.run("LOCK TABLE cloud_identities IN SHARE ROW EXCLUSIVE MODE")
            guard var stored = try CloudIdentity.find(identity.id, db) else { throw Refusal.notFound("cloud identity") }
            stored.name = identity.name
            stored.plan = identity.plan
            stored.apply = identity.apply
            stored.updatedAt = identity.updatedAt
            try stored.requireFreeName(db)
            db.run(
                """
                UPDATE cloud_identities SET name = $1, plan_access = $2, apply_access = $3, updated_at = $4 WHERE id = $5
                """, stored.name, plan, apply, stored.updatedAt, stored.id)
            return stored
        }
    }

    public func deleteIdentity(_ id: CloudIdentityID) async throws {
        try await write { db, _ in
            db.run("LOCK TABLE cloud_identities IN SHARE ROW EXCLUSIVE MODE")
            guard let identity = try CloudIdentity.find(id, db) else { throw Refusal.notFound("cloud identity") }
            let user = try db.row(
                "SELECT * FROM vines WHERE identity_id = $1 AND deleted_at IS NULL LIMIT 1", id
            ).map(VineRow.init)
            if let user = try user?.vine() {
                throw Refusal(
                    .conflict, "The vine \(user.title) uses the cloud identity \(identity.name). Change the vine first."
                )
            }
            db.run("UPDATE vines SET identity_id = NULL WHERE identity_id = $1", id)
            db.run("DELETE FROM cloud_identities WHERE id = $1", id)
        }
    }

    public func vines(using id: CloudIdentityID, limit: Int) async throws -> [Vine] {
        try await readOnce { db in
            try db.rows(
                """
                SELECT * FROM vines WHERE identity_id = $1 AND deleted_at IS NULL ORDER BY created_at, id LIMIT $2
                """, id, limit, make: VineRow.init)
        }.map { try $0.vine() }
    }

    // MARK: - Signing keys

    public func signingKeys() async throws -> [SigningKey] {
        let stored = try await readOnce { db in
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
            // Another node may look for the newest key at the same time.
            db.run("LOCK TABLE signing_keys IN SHARE ROW EXCLUSIVE MODE")
            let last = try db.row("SELECT id FROM signing_keys ORDER BY used_from DESC, id DESC LIMIT 1")?.text("id")
            guard last == newest else { return false }
            db.run(
                """
                INSERT INTO signing_keys (id, private_key, public_key, created_at, used_from)
                VALUES ($1, $2, $3, $4, $5)
                """, key.place.id, sealed, key.publicKey, key.place.createdAt, key.place.usedFrom)
            return true
        }
    }

    public func deleteSigningKeys(_ ids: Set<String>) async throws {
        try await write { db, _ in
            for id in ids.sorted() { db.run("DELETE FROM signing_keys WHERE id = $1", id) }
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
        try db.row("SELECT * FROM cloud_identities WHERE id = $1", id).map(CloudIdentity.init)
    }

    /// - Throws: ``Refusal`` if a vine of `vineyard` can't use the identity; never for nil.
    static func checkUse(_ id: CloudIdentityID?, in vineyard: VineyardID, _ db: Database) throws {
        guard let id else { return }
        try RightsRules.checkUse(of: try find(id, db), in: vineyard)
    }

    fileprivate func requireFreeName(_ db: Database) throws {
        let isTaken = try db.exists(
            "SELECT 1 FROM cloud_identities WHERE vineyard_id = $1 AND name = $2 AND id <> $3", vineyard, name, id)
        guard !isTaken else { throw RightsRules.taken("cloud identity", name) }
    }
}

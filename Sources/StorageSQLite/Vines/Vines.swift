public import Domain
internal import Foundation
internal import GRDB
public import Storage

extension SQLiteStore {
    public func createVine(_ vine: Vine, secrets: VineSecrets) async throws {
        let record = try VineRow(vine, secrets: vault.encrypt(secrets, for: .vineSecrets(vine.id)))
        try await write { db, changes in
            guard try !db.exists("SELECT 1 FROM vines WHERE id = ?", vine.id.rawValue) else {
                throw Refusal(.conflict, "Vine \(vine.id) already exists.")
            }
            try Vineyard.require(vine.vineyard, db)
            try CloudIdentity.checkUse(vine.settings.identity, in: vine.vineyard, db)
            try record.requireOwnName(db)
            try record.insert(db)
            changes.append(.vine(vine.id, isNew: true))
        }
    }

    public func vine(_ id: VineID) async throws -> Vine? {
        try await read { db in try VineRow.find(id, db) }?.vine()
    }

    public func anyVine(_ id: VineID) async throws -> Vine? {
        try await read { db in try db.row("SELECT * FROM vines WHERE id = ?", id.rawValue).map(VineRow.init) }?
            .vine()
    }

    public func vineFacts(_ ids: [VineID]) async throws -> [VineID: VineFacts] {
        try await read { db in
            Dictionary(try ids.map { ($0, try VineFacts(of: $0, db)) }, uniquingKeysWith: { first, _ in first })
        }
    }

    public func vineSecrets(_ id: VineID) async throws -> VineSecrets {
        let sealed = try await read { db in try VineRow.require(id, db).secrets }
        return try vault.decryptSecrets(sealed, for: .vineSecrets(id))
    }

    public func vineWarnings(_ ids: [VineID]) async throws -> [VineID: [String]] {
        let sealed = try await read { db in
            try ids.compactMap { id in try VineRow.find(id, db).map { (id, $0.secrets) } }
        }
        var warnings: [VineID: [String]] = [:]
        for (id, secrets) in sealed {
            let found = try vault.decryptSecrets(secrets, for: .vineSecrets(id)).warnings
            if !found.isEmpty { warnings[id] = found }
        }
        return warnings
    }

    public func vines(
        text: String?, visible: VisibleVines, limit: Int, cursor: String?
    ) async throws -> Page<Vine> {
        let limit = PageLimit.clamped(limit)
        let cursor = try cursor.map { try PageCursor($0) }
        let text = text?.lowercased() ?? ""
        let tight = JobTitle.tight(text)
        let found = try await read { db in
            try db.rows(
                """
                SELECT * FROM vines WHERE deleted_at IS NULL
                AND (?1 = '' OR instr(\(Self.title), ?1) > 0 OR instr(\(Self.tightTitle), ?2) > 0)
                AND (created_at, id) < (?3, ?4) AND \(Self.visibleVine("?6", "?7", "?8"))
                ORDER BY created_at DESC, id DESC LIMIT ?5
                """, text, tight, cursor?.createdAt.milliseconds ?? .max, cursor?.id ?? "", limit + 1,
                visible.isAll, visible.vineyardList, visible.vineList, make: VineRow.init)
        }
        return Page(try found.map { try $0.vine() }, limit: limit) {
            PageCursor(createdAt: $0.createdAt, id: $0.id.rawValue)
        }
    }

    /// A condition on a row of `vines`, with the three values of ``VisibleVines``.
    private static func visibleVine(_ isAll: String, _ vineyards: String, _ vines: String) -> String {
        """
        (\(isAll) OR vineyard_id IN (SELECT value FROM json_each(\(vineyards)))
            OR id IN (SELECT value FROM json_each(\(vines))))
        """
    }

    /// What people see of a vine, folded; and without the spaces around slashes, as people may type it (``JobTitle/tight(_:)``).
    static let title = "project_folded || ' / ' || stage_folded"
    static let tightTitle = "replace(project_folded || '/' || stage_folded, ' / ', '/')"

    public func deletedVines(visible: VisibleVines, limit: Int, cursor: String?) async throws -> Page<Vine> {
        let limit = PageLimit.clamped(limit)
        let cursor = try cursor.map { try PageCursor($0) }
        let found = try await read { db in
            try db.rows(
                """
                SELECT * FROM vines WHERE deleted_at IS NOT NULL AND (created_at, id) < (?1, ?2)
                AND \(Self.visibleVine("?4", "?5", "?6")) ORDER BY created_at DESC, id DESC LIMIT ?3
                """, cursor?.createdAt.milliseconds ?? .max, cursor?.id ?? "", limit + 1, visible.isAll,
                visible.vineyardList, visible.vineList, make: VineRow.init)
        }
        return Page(try found.map { try $0.vine() }, limit: limit) {
            PageCursor(createdAt: $0.createdAt, id: $0.id.rawValue)
        }
    }

    public func uncountedVines(after: VineID?, limit: Int) async throws -> [VineID] {
        try await read { db in
            try db.rows(
                """
                SELECT DISTINCT version.vine_id FROM vine_state_versions AS version
                WHERE version.resources IS NULL AND version.aside = 0 AND version.vine_id > ?1
                AND NOT EXISTS (
                    SELECT 1 FROM vine_state_versions AS newer
                    WHERE newer.vine_id = version.vine_id AND newer.aside = 0 AND newer.number > version.number)
                ORDER BY version.vine_id LIMIT ?2
                """, after?.rawValue ?? "", limit
            ) { try $0.id("vine_id") }
        }
    }

    public func updateVine(_ vine: Vine, secrets: VineSecrets) async throws -> Vine {
        var changed = try VineRow(vine, secrets: vault.encrypt(secrets, for: .vineSecrets(vine.id)))
        changed.revision += 1
        return try await write { [changed] db, changes in
            var changed = changed
            let stored = try VineRow.require(vine.id, db)
            guard stored.revision == vine.revision else {
                throw Refusal(
                    .conflict, "The vine was changed in the meantime (revision \(stored.revision)); read it again.")
            }
            // A database of an older version may hold two vines with one name: only a new name is checked.
            if !changed.hasName(of: stored) { try changed.requireOwnName(db) }
            changed.createdBy = stored.createdBy
            changed.createdAt = stored.createdAt
            if changed.identity != stored.identity || changed.vineyard != stored.vineyard {
                try CloudIdentity.checkUse(changed.identity, in: changed.vineyard, db)
            }
            if changed.vineyard != stored.vineyard {
                try Vineyard.require(changed.vineyard, db)
                try changed.moveJobs(db)
            }
            try changed.update(db)
            changes.append(.vine(vine.id))
            return changed
        }.vine()
    }

    public func deleteVine(_ id: VineID, isConfirmed: Bool, at now: Timestamp) async throws -> VineResources? {
        try await write(completing: AuditCompletion { held, _ in held == nil }) { db, changes in
            try VineRow.require(id, db)
            let unfinished = try db.row(
                "SELECT id FROM provision_jobs WHERE vine_id = ? AND (status = 'QUEUED' OR holds_vine = 1) LIMIT 1",
                id.rawValue)
            if let unfinished {
                let job: JobID = try unfinished.id("id")
                throw Refusal(.conflict, "Job \(job) of this vine has not ended.")
            }
            if let lock = try StateLock.find(id, db) {
                throw Refusal(.conflict, "The vine's state is locked by \(lock.holder).")
            }
            let resources = try VineResources(of: id, db)
            guard isConfirmed || resources.isEmpty else { return resources }
            try db.run("UPDATE vines SET deleted_at = ? WHERE id = ?", now.milliseconds, id.rawValue)
            changes.append(.vine(id))
            return nil
        }
    }
}

internal import Domain
internal import Foundation
internal import GRDB

/// A vine as it is stored.
struct VineRow: Sendable {
    var id: VineID
    var settings: String
    var projectFolded: String
    var stageFolded: String
    /// Sealed.
    var secrets: Data
    var createdBy: String
    var createdAt: Timestamp
    var updatedAt: Timestamp
    var revision: Int
    var deletedAt: Timestamp?

    init(_ vine: Vine, secrets: Data) throws {
        id = vine.id
        settings = try StoredJSON.encode(vine.settings)
        projectFolded = vine.settings.projectName.lowercased()
        stageFolded = vine.settings.environmentStage.lowercased()
        self.secrets = secrets
        createdBy = vine.createdBy
        createdAt = vine.createdAt
        updatedAt = vine.updatedAt
        revision = vine.revision
    }

    init(_ row: Row) throws {
        id = try row.id("id")
        settings = try row.text("settings")
        projectFolded = try row.text("project_folded")
        stageFolded = try row.text("stage_folded")
        secrets = try row.blob("secrets")
        createdBy = try row.text("created_by")
        createdAt = try row.time("created_at")
        updatedAt = try row.time("updated_at")
        revision = try row.int("revision")
        deletedAt = row.optionalTime("deleted_at")
    }

    func vine() throws -> Vine {
        Vine(
            id: id, settings: try StoredJSON.decode(VineSettings.self, from: settings), createdBy: createdBy,
            createdAt: createdAt, updatedAt: updatedAt, revision: revision, deletedAt: deletedAt)
    }

    /// The vine; nil where there is none, or it was deleted.
    static func find(_ id: VineID, _ db: Database) throws -> VineRow? {
        try db.row("SELECT * FROM vines WHERE id = ? AND deleted_at IS NULL", id.rawValue).map(VineRow.init)
    }

    @discardableResult
    static func require(_ id: VineID, _ db: Database) throws -> VineRow {
        guard let record = try find(id, db) else { throw Refusal.noVine(id) }
        return record
    }

    /// True if both have the same project and stage; upper and lower case are the same.
    func hasName(of other: VineRow) -> Bool {
        projectFolded == other.projectFolded && stageFolded == other.stageFolded
    }

    /// - Throws: ``Refusal`` `.conflict` if another vine has this project and stage. Writes are serial, so nobody can
    ///   take the name between this check and the write.
    func requireOwnName(_ db: Database) throws {
        let other = try db.row(
            """
            SELECT id FROM vines
            WHERE project_folded = ? AND stage_folded = ? AND id <> ? AND deleted_at IS NULL LIMIT 1
            """, projectFolded, stageFolded, id.rawValue)
        guard let other else { return }
        let taken: VineID = try other.id("id")
        throw Refusal(
            .conflict, "Vine \(taken) has this project and stage already. Change that one, or choose another name.")
    }

    func insert(_ db: Database) throws {
        try db.run(
            """
            INSERT INTO vines (id, settings, project_folded, stage_folded, secrets, created_by, created_at,
                updated_at, revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            """, id.rawValue, settings, projectFolded, stageFolded, secrets, createdBy, createdAt.milliseconds,
            updatedAt.milliseconds, revision)
    }

    func update(_ db: Database) throws {
        try db.run(
            """
            UPDATE vines SET settings = ?, project_folded = ?, stage_folded = ?, secrets = ?, updated_at = ?,
                revision = ? WHERE id = ?
            """, settings, projectFolded, stageFolded, secrets, updatedAt.milliseconds, revision, id.rawValue)
    }
}

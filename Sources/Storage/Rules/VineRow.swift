package import Domain
package import Foundation

/// A vine as it is stored.
package struct VineRow: Sendable {
    package var id: VineID
    package var settings: String
    package var projectFolded: String
    package var stageFolded: String
    /// Encrypted.
    package var secrets: Data
    package var createdBy: String
    package var createdAt: Timestamp
    package var updatedAt: Timestamp
    package var revision: Int
    package var deletedAt: Timestamp?
    package var vineyard: VineyardID
    package var needsTwoPeople: Bool
    /// The same as in the settings, for look-ups.
    package var identity: CloudIdentityID?

    package init(
        id: VineID, settings: String, projectFolded: String, stageFolded: String, secrets: Data, createdBy: String,
        createdAt: Timestamp, updatedAt: Timestamp, revision: Int, deletedAt: Timestamp?, vineyard: VineyardID,
        needsTwoPeople: Bool, identity: CloudIdentityID?
    ) {
        self.identity = identity
        self.vineyard = vineyard
        self.needsTwoPeople = needsTwoPeople
        self.id = id
        self.settings = settings
        self.projectFolded = projectFolded
        self.stageFolded = stageFolded
        self.secrets = secrets
        self.createdBy = createdBy
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        self.revision = revision
        self.deletedAt = deletedAt
    }

    package init(_ vine: Vine, secrets: Data) throws {
        self.init(
            id: vine.id, settings: try StoredJSON.encode(vine.settings),
            projectFolded: vine.settings.projectName.lowercased(),
            stageFolded: vine.settings.environmentStage.lowercased(), secrets: secrets, createdBy: vine.createdBy,
            createdAt: vine.createdAt, updatedAt: vine.updatedAt, revision: vine.revision, deletedAt: nil,
            vineyard: vine.vineyard, needsTwoPeople: vine.needsTwoPeople, identity: vine.settings.identity)
    }

    package func vine() throws -> Vine {
        Vine(
            id: id, settings: try StoredJSON.decode(VineSettings.self, from: settings), createdBy: createdBy,
            createdAt: createdAt, updatedAt: updatedAt, revision: revision, deletedAt: deletedAt, vineyard: vineyard,
            needsTwoPeople: needsTwoPeople)
    }

    /// True if both have the same project and stage in one vineyard; upper and lower case are the same.
    package func hasName(of other: VineRow) -> Bool {
        vineyard == other.vineyard && projectFolded == other.projectFolded && stageFolded == other.stageFolded
    }
}

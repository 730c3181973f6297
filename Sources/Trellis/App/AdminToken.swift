internal import Domain
internal import Foundation
internal import Logging
internal import Storage

/// Makes the admin token of the data folder the valid one, at the start.
struct AdminToken {
    var folder: DataFolder
    var store: any Store
    var credentials: Credentials
    var ambient: SystemDependencies
    var logger: Logger

    /// - Parameter isShared: whether other nodes have data folders of their own. Then the valid token stays valid: a new
    ///   or an old folder must neither end everybody's access nor bring back a token that was replaced.
    func prepare(isShared: Bool) async throws {
        guard isShared else { return try await takeFromFolder() }
        if try await valid() == nil {
            let secret = try folder.readSecret(Self.file) ?? credentials.make(.apiToken)
            let hash = Credentials.hash(secret)
            do {
                // Of several nodes that start at once, one succeeds.
                try await store.recording(event(hash)).createToken(
                    NewToken(hash: hash, name: AccessRoutes.admin, owner: User.administrator), at: ambient.now())
                return try folder.writeSecret(secret, to: Self.file)
            } catch let refusal as Refusal where refusal.kind == .conflict {}
        }
        guard let secret = try folder.readSecret(Self.file) else {
            return logger.notice("this node has no admin.token: copy it from another node to use the command line here")
        }
        if Credentials.hash(secret) != (try await valid()) {
            logger.warning("the admin.token of this node is not valid: it was replaced on another node")
        }
    }

    private static let file = "admin.token"

    private func valid() async throws -> Data? {
        try await store.tokens(of: User.administrator).first { $0.name == AccessRoutes.admin }?.hash
    }

    private func takeFromFolder() async throws {
        let isReplaced = !folder.hasAdminToken
        let hash = Credentials.hash(try folder.adminToken(credentials))
        // At every start, because the database may have been replaced. Only a new token is recorded in the audit.
        let access: any AccessStore = isReplaced ? store.recording(event(hash)) : store
        try await access.setToken(hash: hash, name: AccessRoutes.admin, at: ambient.now())
        // Somebody removed the old one: what came of it goes, too.
        if isReplaced { _ = try await store.revokeAllAccess(exceptToken: AccessRoutes.admin, keeping: []) }
    }

    private func event(_ hash: Data) -> AuditEvent {
        AuditContext.system.event(
            .replaceToken, on: AuditResource(AccessEntry(kind: .token, hash: hash, name: AccessRoutes.admin)),
            reason: "There was no admin token in the data folder.", ambient)
    }
}

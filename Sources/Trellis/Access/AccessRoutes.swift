internal import Domain
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import Storage
internal import Wire

/// `/api/tokens` and `/api/sessions`: who has access, and how it is taken away.
///
/// No answer shows a secret, except the one that makes it. Only hashes are stored.
struct AccessRoutes: Sendable {
    var access: any AccessStore
    var credentials: Credentials
    var folder: DataFolder
    /// Ends what was opened with a credential that was revoked.
    var onRevoked: @Sendable (Credential) -> Void

    /// The name of the token in `admin.token`.
    static let admin = "admin"

    func add(to group: APIGroup) {
        group.get("tokens", use: tokens)
        group.post("tokens", use: makeToken)
        group.post("tokens/replace-admin", use: replaceAdmin)
        group.delete("tokens/:id", use: revokeToken)
        group.get("sessions", use: sessions)
        group.delete("sessions/:id", use: revokeSession)
    }

    // MARK: - Tokens

    private func tokens(_ request: Request, context: TrellisContext) async throws -> Response {
        _ = try context.requireUser()
        let items = try await access.tokens().map { entry in
            TokenRecord(id: entry.id, name: entry.name, createdAt: entry.createdAt ?? Timestamp(milliseconds: 0))
        }
        return try .json(ListPage(items: items, nextCursor: nil))
    }

    private func makeToken(_ request: Request, context: TrellisContext) async throws -> Response {
        let user = try context.requireUser()
        let name = try await request.message(CreateToken.self, upTo: 4096).name
        guard !name.isEmpty, name.count <= 64,
            name.unicodeScalars.allSatisfy({ ![.control, .format].contains($0.properties.generalCategory) })
        else { throw Refusal(.invalid, "\"name\" has 1 to 64 visible characters.") }
        guard try await !access.tokens().contains(where: { $0.name == name }) else {
            throw Refusal(.conflict, "There is a token named \"\(name)\" already: revoke it first.")
        }
        let secret = credentials.make(.apiToken)
        let hash = Credentials.hash(secret)
        let now = credentials.ambient.now()
        try await access.setToken(hash: hash, name: name, at: now)
        context.logger.notice("a token was made", metadata: ["name": "\(name)", "by": "\(user)"])
        let entry = AccessEntry(kind: .token, hash: hash, name: name)
        return try .json(CreatedToken(id: entry.id, name: name, token: secret), status: .created)
    }

    private func revokeToken(_ request: Request, context: TrellisContext) async throws -> Response {
        let user = try context.requireUser()
        let id = context.parameters.get("id") ?? ""
        let entry = try await access.tokens().first { $0.id == id }
        guard let entry else { throw Refusal(.notFound, "There is no such token.") }
        guard entry.name != Self.admin else {
            throw Refusal(
                .conflict, "The admin token can't be revoked, only replaced: \"vintner tokens replace-admin\".")
        }
        try await revoke(id, by: user, context)
        return Response(status: .noContent)
    }

    /// Replaces the admin token, and ends all that came of the old one: every session and link, and every other token.
    private func replaceAdmin(_ request: Request, context: TrellisContext) async throws -> Response {
        let user = try context.requireUser()
        let keepsTokens = try await request.message(ReplaceAdminToken.self, upTo: 4096).keepTokens ?? false
        let secret = credentials.make(.apiToken)
        let hash = Credentials.hash(secret)
        // First the file: should this process die now, the next start makes the file's token the valid one.
        try folder.writeSecret(secret, to: "admin.token")
        try await access.setToken(hash: hash, name: Self.admin, at: credentials.ambient.now())
        let kept = keepsTokens ? Set(try await access.tokens().map(\.id)) : []
        var counts: [AccessEntry.Kind: Int] = [:]
        for entry in try await access.revokeAllAccess(exceptToken: Self.admin, keeping: kept) {
            counts[entry.kind, default: 0] += 1
            onRevoked(entry.credential)
        }
        context.logger.notice("the admin token was replaced", metadata: ["by": "\(user)"])
        let reply = ReplacedAdminToken(
            id: AccessEntry(kind: .token, hash: hash, name: Self.admin).id, token: secret,
            endedSessions: counts[.session] ?? 0, endedLinks: counts[.link] ?? 0,
            revokedTokens: counts[.token] ?? 0)
        return try .json(reply)
    }

    // MARK: - Sessions and links

    private func sessions(_ request: Request, context: TrellisContext) async throws -> Response {
        _ = try context.requireUser()
        let items = try await access.sessions(at: credentials.ambient.now()).map { entry in
            SessionRecord(
                id: entry.id, kind: entry.kind.rawValue, user: entry.name,
                expiresAt: entry.expiresAt ?? Timestamp(milliseconds: 0))
        }
        return try .json(ListPage(items: items, nextCursor: nil))
    }

    private func revokeSession(_ request: Request, context: TrellisContext) async throws -> Response {
        let user = try context.requireUser()
        let id = context.parameters.get("id") ?? ""
        let known = try await access.sessions(at: credentials.ambient.now()).contains { $0.id == id }
        guard known else { throw Refusal(.notFound, "There is no such session or link.") }
        try await revoke(id, by: user, context)
        return Response(status: .noContent)
    }

    private func revoke(_ id: String, by user: String, _ context: TrellisContext) async throws {
        guard let entry = try await access.revokeAccess(id) else { return }
        onRevoked(entry.credential)
        context.logger.notice(
            "access was revoked", metadata: ["kind": "\(entry.kind)", "name": "\(entry.name)", "by": "\(user)"])
    }
}

extension AccessEntry {
    /// What an open connection may stand on. (A link opens none.)
    fileprivate var credential: Credential { kind == .token ? .tokenHash(hash) : .sessionHash(hash) }
}

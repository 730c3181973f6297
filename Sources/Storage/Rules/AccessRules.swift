package import Domain
package import Foundation

/// The tables of credentials.
package enum AccessTable: String, CaseIterable, Sendable {
    case tokens = "api_tokens"
    case sessions
    case links = "sign_in_links"

    package init(_ kind: AccessEntry.Kind) {
        switch kind {
        case .token: self = .tokens
        case .session: self = .sessions
        case .link, .invitation, .login: self = .links
        }
    }

    /// The column with the user whose rights a credential has.
    package var owner: String { self == .tokens ? "owner" : "user_name" }

    /// How its credentials are listed.
    package var order: String { self == .tokens ? "name, owner" : "expires_at, hash" }
}

/// Which credentials end with a deed.
package struct EndedAccess: Sendable {
    package var kinds: Set<AccessEntry.Kind>
    /// A session that stays.
    package var exceptSession: Data?

    private init(_ kinds: Set<AccessEntry.Kind>, exceptSession: Data? = nil) {
        self.kinds = kinds
        self.exceptSession = exceptSession
    }

    /// A new password ends the user's other sessions.
    package static func newPassword(keeping session: Data?) -> EndedAccess {
        EndedAccess([.session], exceptSession: session)
    }
    /// A disabled user keeps the tokens, which don't work until the user is enabled.
    package static let disabled = EndedAccess([.session, .link, .invitation, .login])
    package static let removed = EndedAccess(Set(AccessEntry.Kind.allCases))

    package func includes(_ entry: AccessEntry) -> Bool {
        kinds.contains(entry.kind) && (exceptSession == nil || entry.hash != exceptSession)
    }
}

extension AccessEntry {
    /// Whether it stays when every access is revoked but the administrator's token of this name and some others.
    package func outlivesRevocation(exceptToken name: String, keeping ids: Set<String>) -> Bool {
        kind == .token && (ids.contains(id) || self.name == name && owner == User.administrator)
    }

    /// The first and the last hash that an ``id`` can stand for; nil for a text that is not an ID.
    package static func hashes(ofID id: String) -> (first: Data, last: Data)? {
        guard id.utf8.count == 32 else { return nil }
        var bytes = Data()
        var rest = Substring(id)
        while !rest.isEmpty {
            let digits = rest.prefix(2)
            guard digits.allSatisfy(\.isHexDigit), let byte = UInt8(digits, radix: 16) else { return nil }
            bytes.append(byte)
            rest = rest.dropFirst(2)
        }
        // Hashes have 32 bytes: what is longer than any of them comes after them.
        return (bytes, bytes + Data(repeating: 0xff, count: 17))
    }
}

extension UserOverview {
    /// Puts together what the tables say of `users`.
    ///
    /// - Parameters:
    ///   - members: the listed members of teams.
    ///   - groups: the teams of the identity provider's groups.
    ///   - held: what these principals were granted.
    package static func of(
        _ users: [User], at now: Timestamp, members: [(team: String, user: String)],
        groups: [(team: String, group: String)], tokens: [String: Int], invitations: [String: Timestamp],
        held: ([GrantPrincipal]) throws -> [Rights.Held]
    ) rethrows -> [UserID: UserOverview] {
        let listed = Dictionary(grouping: members, by: \.user).mapValues { Set($0.map(\.team)) }
        let teams = Dictionary(
            uniqueKeysWithValues: users.map { user in
                guard user.kind == .user else { return (user.id, Set<String>()) }
                let own = user.groups(at: now)
                return (
                    user.id, (listed[user.name] ?? []).union(groups.filter { own.contains($0.group) }.map(\.team))
                )
            })
        let principals = users.map(\.principal) + Set(teams.values.joined()).sorted().map { GrantPrincipal(.team, $0) }
        let granted = Dictionary(grouping: try held(principals), by: \.through)
        return Dictionary(
            uniqueKeysWithValues: users.map { user in
                let teams = (teams[user.id] ?? []).sorted()
                let all = [user.principal] + teams.map { GrantPrincipal(.team, $0) }
                return (
                    user.id,
                    UserOverview(
                        teams: teams, held: all.flatMap { granted[$0] ?? [] }, tokens: tokens[user.name] ?? 0,
                        invitedUntil: invitations[user.name])
                )
            })
    }
}

extension User {
    fileprivate var principal: GrantPrincipal { GrantPrincipal(kind == .user ? .user : .service, name) }
}

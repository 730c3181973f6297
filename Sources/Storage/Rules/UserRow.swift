package import Domain

/// A user as it is stored.
package struct UserRow: Sendable {
    package var id: UserID
    package var name: String
    package var kind: Account.Kind
    package var issuer: String?
    package var subject: String?
    package var password: String?
    /// JSON.
    package var groups: String
    package var groupsAt: Timestamp?
    package var createdBy: String
    package var createdAt: Timestamp
    package var lastSeenAt: Timestamp?
    package var disabledAt: Timestamp?
    package var removedAt: Timestamp?

    package init(
        id: UserID, name: String, kind: Account.Kind, issuer: String?, subject: String?, password: String?,
        groups: String, groupsAt: Timestamp?, createdBy: String, createdAt: Timestamp, lastSeenAt: Timestamp?,
        disabledAt: Timestamp?, removedAt: Timestamp?
    ) {
        self.id = id
        self.name = name
        self.kind = kind
        self.issuer = issuer
        self.subject = subject
        self.password = password
        self.groups = groups
        self.groupsAt = groupsAt
        self.createdBy = createdBy
        self.createdAt = createdAt
        self.lastSeenAt = lastSeenAt
        self.disabledAt = disabledAt
        self.removedAt = removedAt
    }

    package init(_ user: User) throws {
        self.init(
            id: user.id, name: user.name, kind: user.kind, issuer: user.identity?.issuer,
            subject: user.identity?.subject, password: nil, groups: try StoredJSON.encode(user.groups),
            groupsAt: user.groupsAt, createdBy: user.createdBy, createdAt: user.createdAt,
            lastSeenAt: user.lastSeenAt, disabledAt: user.disabledAt, removedAt: nil)
    }

    package static func folded(_ name: String) -> String { name.lowercased() }

    package var nameFolded: String { Self.folded(name) }

    /// Whether the user's credentials work.
    package var isActive: Bool { disabledAt == nil && removedAt == nil }

    package func user() throws -> User {
        var identity: ExternalIdentity?
        if let issuer, let subject { identity = ExternalIdentity(issuer: issuer, subject: subject) }
        return User(
            id: id, name: name, kind: kind, identity: identity, hasPassword: password != nil,
            groups: try StoredJSON.decode([String].self, from: groups), groupsAt: groupsAt, createdBy: createdBy,
            createdAt: createdAt, lastSeenAt: lastSeenAt, disabledAt: disabledAt)
    }

    /// Whom a credential of this user stands for; nil if it does not work.
    package func account(scopes: Set<Permission>?, at now: Timestamp) throws -> Account? {
        guard isActive else { return nil }
        return Account(name: name, kind: kind, groups: try user().groups(at: now), scopes: scopes)
    }

    /// A local user who gets an account with the first sign-in link.
    package static func first(_ name: String, id: UserID, at now: Timestamp) -> UserRow {
        UserRow(
            id: id, name: name, kind: .user, issuer: nil, subject: nil, password: nil, groups: "[]", groupsAt: nil,
            createdBy: name, createdAt: now, lastSeenAt: nil, disabledAt: nil, removedAt: nil)
    }
}

/// The names that a person from an identity provider may get.
package enum UserNames {
    /// The names to try in turn, without end: what the provider proposes, then with a number. The administrator's name
    /// is never among them.
    package static func candidates(_ proposed: [String], subject: String) -> some Sequence<String> {
        let plain = proposed.filter { UserRow.folded($0) != User.administrator && (try? User.check(name: $0)) != nil }
        let base =
            plain.first ?? "user-" + String(subject.filter { $0.isASCII && ($0.isLetter || $0.isNumber) }.prefix(16))
        let numbered = (2...).lazy.map { "\(base.prefix(56))-\($0)" }
        return [AnySequence(plain.isEmpty ? [base] : plain), AnySequence(numbered)].lazy.joined()
    }
}

extension Refusal {
    package static func nameTaken(_ name: String) -> Refusal {
        Refusal(.conflict, "The name \"\(name)\" is taken.")
    }

    package static func noUser() -> Refusal { Refusal(.notFound, "User not found.") }

    package static func keepsAdministrator(_ deed: String) -> Refusal {
        Refusal(.conflict, "The local administrator can't be \(deed): it is the way in when nothing else works.")
    }

    package static func notAdmitted(isRemoved: Bool) -> Refusal {
        Refusal(
            .conflict,
            isRemoved
                ? "This account was removed. Ask an administrator to invite you again."
                : "This account is disabled. Ask an administrator to enable it.")
    }
}

/// The scopes of a token, as they are stored: JSON. A name that this version does not know gives no right.
package enum StoredScopes {
    package static func encode(_ scopes: Set<Permission>?) throws -> String? {
        try scopes.map { try StoredJSON.encode($0.map(\.rawValue).sorted()) }
    }

    package static func decode(_ text: String?) throws -> Set<Permission>? {
        try text.map { Set(try StoredJSON.decode([String].self, from: $0).compactMap(Permission.init(rawValue:))) }
    }
}

extension UserNames {
    /// `name`, or with a number if it is taken.
    package static func free(_ name: String, taken: [String]) -> String {
        taken.contains(name) ? (2...).lazy.map { "\(name) \($0)" }.first { !taken.contains($0) } ?? name : name
    }
}

/// What the code of a `vintner login` is tied to: the command's secret, and the name of its token.
package enum LoginDetail {
    /// How long the token of a `vintner login` works, in milliseconds: 90 days.
    package static let tokenLifetime: Int64 = 90 * 24 * 3_600_000

    package static func tokenName(_ detail: String) -> String {
        String(detail.split(separator: "\n", maxSplits: 1).last ?? "vintner login")
    }
}

extension Refusal {
    package static func hasToken(_ name: String) -> Refusal {
        Refusal(.conflict, "A token named \"\(name)\" exists already. Revoke it first.")
    }
}

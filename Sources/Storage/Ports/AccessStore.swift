public import Domain
public import Foundation

/// Credentials of users. Only hashes are stored; the secrets themselves are shown once.
public protocol AccessStore: Sendable {
    // MARK: - Tokens

    /// Stores the administrator's API token of this name, replacing the one that had it.
    func setToken(hash: Data, name: String, at now: Timestamp) async throws

    /// Stores an API token. - Throws: ``Refusal`` `.conflict` if its owner has one of that name.
    func createToken(_ token: NewToken, at now: Timestamp) async throws

    /// The owner of a token; nil if it is unknown or has expired, or its owner was disabled.
    func account(ofToken hash: Data, at now: Timestamp) async throws -> Account?

    /// All API tokens, or those of one owner, by name.
    func tokens(of owner: String?) async throws -> [AccessEntry]

    // MARK: - Links

    /// Stores what works once, until it expires.
    func createLink(_ link: NewLink) async throws

    /// Uses a sign-in link up: returns its user once, before it expires; then nil. A user who has no account gets one.
    func redeemSignInLink(hash: Data, newID: UserID, at now: Timestamp) async throws -> String?

    /// An invitation that can still be used; it stays.
    func invitation(hash: Data, at now: Timestamp) async throws -> AccessEntry?

    /// Uses an invitation up and sets its user's password. Returns the user once, then nil.
    func redeemInvitation(hash: Data, password: String, at now: Timestamp) async throws -> String?

    /// Uses the code of a `vintner login` up, if it was made for `detail`, and stores the token.
    func redeemLoginCode(hash: Data, detail: String, token: Data, at now: Timestamp) async throws -> AccessEntry?

    // MARK: - Sessions

    func createSession(_ session: NewSession) async throws

    /// The user of a session; nil if it is unknown or has expired, or its user was disabled.
    func account(ofSession hash: Data, at now: Timestamp) async throws -> Account?

    func deleteSession(hash: Data) async throws

    /// Sessions, then links, that have not expired; the oldest first.
    func sessions(at now: Timestamp) async throws -> [AccessEntry]

    /// Sessions with a refresh token that was used before `time`, the longest ago first.
    func sessionsToRefresh(before time: Timestamp, limit: Int) async throws -> [RefreshableSession]

    /// The session, if it has a refresh token.
    func refreshableSession(ofSession hash: Data) async throws -> RefreshableSession?

    /// The session of a token's owner whose refresh token was used last; nil if none has one.
    func refreshableSession(ofToken hash: Data) async throws -> RefreshableSession?

    /// Lets one node at a time refresh a session, if it was not refreshed since `time`. A claim that is neither recorded
    /// nor released ends after ``RefreshableSession/claimLifetime``.
    func claimRefresh(ofSession hash: Data, since time: Timestamp, at now: Timestamp) async throws -> Bool

    /// Ends the claim that was made at `claim` without a result, if it is still there.
    func releaseRefresh(ofSession hash: Data, claim: Timestamp) async throws

    /// Stores what a refresh brought: the next refresh token, and the groups of the session's user. An event that is
    /// being recorded names the groups that changed; without any, it is not stored.
    ///
    /// - Parameter claim: the moment of the claim under which it was asked. If another node has claimed the session
    ///   since, what that node finds is newer, and nothing is stored.
    @discardableResult func recordRefresh(
        ofSession hash: Data, claim: Timestamp, refreshToken: String, groups: [String], at now: Timestamp
    ) async throws -> GroupsChange

    /// Ends a session that the identity provider has ended. The groups of its user no longer count.
    ///
    /// - Parameter claim: as for ``recordRefresh(ofSession:claim:refreshToken:groups:at:)``; nil ends it in any case.
    /// - Returns: whether it was ended.
    @discardableResult func endRefusedSession(hash: Data, claim: Timestamp?) async throws -> Bool

    /// Records when credentials were last used, in one commit. An older time than the stored one is ignored.
    func recordUse(tokens: [Data: Timestamp], sessions: [Data: Timestamp]) async throws

    // MARK: - Revocation

    /// The token, session or link with this ``AccessEntry/id``, also an expired one.
    func accessEntry(_ id: String) async throws -> AccessEntry?

    /// Deletes the token, session or link with this ``AccessEntry/id``. Returns what it was; nil if there is none.
    func revokeAccess(_ id: String) async throws -> AccessEntry?

    /// Deletes every session and link, and every token but the one of that name and those with one of the `keeping`
    /// ids. Returns what was deleted.
    func revokeAllAccess(exceptToken name: String, keeping ids: Set<String>) async throws -> [AccessEntry]

    /// Deletes links and sessions that have expired.
    func deleteExpiredAccess(at now: Timestamp) async throws
}

extension AccessStore {
    public func createSignInLink(hash: Data, user: String, expiresAt: Timestamp) async throws {
        try await createLink(NewLink(kind: .link, hash: hash, user: user, expiresAt: expiresAt))
    }
}

/// An API token to be stored.
public struct NewToken: Hashable, Sendable {
    public var hash: Data
    public var name: String
    /// The name of the user whose rights it has.
    public var owner: String
    /// nil for all that the owner may do.
    public var scopes: Set<Permission>?
    public var expiresAt: Timestamp?

    public init(
        hash: Data, name: String, owner: String, scopes: Set<Permission>? = nil, expiresAt: Timestamp? = nil
    ) {
        self.hash = hash
        self.name = name
        self.owner = owner
        self.scopes = scopes
        self.expiresAt = expiresAt
    }
}

/// A link or a code to be stored.
public struct NewLink: Hashable, Sendable {
    /// `link`, `invitation` or `login`.
    public var kind: AccessEntry.Kind
    public var hash: Data
    public var user: String
    /// What a code is tied to.
    public var detail: String?
    public var createdBy: String?
    public var expiresAt: Timestamp

    public init(
        kind: AccessEntry.Kind, hash: Data, user: String, detail: String? = nil, createdBy: String? = nil,
        expiresAt: Timestamp
    ) {
        self.kind = kind
        self.hash = hash
        self.user = user
        self.detail = detail
        self.createdBy = createdBy
        self.expiresAt = expiresAt
    }
}

/// A session to be stored.
public struct NewSession: Hashable, Sendable {
    public var hash: Data
    public var user: String
    public var method: SignInMethod
    /// The client's address.
    public var address: String
    /// The browser, as it names itself.
    public var agent: String
    public var createdAt: Timestamp
    public var expiresAt: Timestamp
    /// Gets the groups of now from the identity provider; encrypted when it is stored.
    public var refreshToken: String?

    public init(
        hash: Data, user: String, method: SignInMethod, address: String = "", agent: String = "",
        createdAt: Timestamp, expiresAt: Timestamp, refreshToken: String? = nil
    ) {
        self.hash = hash
        self.user = user
        self.method = method
        self.address = address
        self.agent = agent
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.refreshToken = refreshToken
    }
}

/// What the groups of a user gained and lost.
public struct GroupsChange: Hashable, Sendable {
    public var added: [String]
    public var removed: [String]

    public init(from old: [String] = [], to new: [String] = []) {
        added = Set(new).subtracting(old).sorted()
        removed = Set(old).subtracting(new).sorted()
    }

    public var isEmpty: Bool { added.isEmpty && removed.isEmpty }
}

/// A session whose groups are read again.
public struct RefreshableSession: Hashable, Sendable {
    /// How long a node may take to refresh a session before another one may try, in milliseconds.
    public static let claimLifetime: Int64 = 45_000

    public var hash: Data
    public var user: String
    public var identity: ExternalIdentity
    public var refreshToken: String
    public var refreshedAt: Timestamp

    public init(
        hash: Data, user: String, identity: ExternalIdentity, refreshToken: String, refreshedAt: Timestamp
    ) {
        self.hash = hash
        self.user = user
        self.identity = identity
        self.refreshToken = refreshToken
        self.refreshedAt = refreshedAt
    }
}

/// A credential, without what it is: the secret is not even known here.
public struct AccessEntry: Hashable, Sendable {
    public enum Kind: String, Codable, CaseIterable, Sendable {
        case token, session, link, invitation, login
    }

    public var kind: Kind
    /// SHA-256 of the secret.
    public var hash: Data
    /// The token's name, or who is (or will be) signed in.
    public var name: String
    /// The user whose rights it has.
    public var owner: String
    /// nil for links, and for sessions from before it was stored.
    public var createdAt: Timestamp?
    public var createdBy: String?
    public var expiresAt: Timestamp?
    public var lastUsedAt: Timestamp?
    /// Of a token; nil for all that its owner may do.
    public var scopes: Set<Permission>?
    /// Of a session.
    public var method: SignInMethod?
    public var address: String?
    public var agent: String?

    public init(
        kind: Kind, hash: Data, name: String, owner: String? = nil, createdAt: Timestamp? = nil,
        createdBy: String? = nil, expiresAt: Timestamp? = nil, lastUsedAt: Timestamp? = nil,
        scopes: Set<Permission>? = nil, method: SignInMethod? = nil, address: String? = nil, agent: String? = nil
    ) {
        self.kind = kind
        self.hash = hash
        self.name = name
        self.owner = owner ?? name
        self.createdAt = createdAt
        self.createdBy = createdBy
        self.expiresAt = expiresAt
        self.lastUsedAt = lastUsedAt
        self.scopes = scopes
        self.method = method
        self.address = address
        self.agent = agent
    }

    /// The first half of the hash, in hexadecimal digits: names the credential, and is no help in finding it.
    public var id: String { Self.id(of: hash) }

    public static func id(of hash: Data) -> String { hash.prefix(16).hexadecimal }
}

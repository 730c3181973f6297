public import Domain
public import Foundation

/// The people and machines that sign in.
public protocol UserStore: Sendable {
    /// - Throws: ``Refusal`` `.conflict` if the name is taken. A local user takes the place of a removed one.
    func createUser(_ user: User) async throws

    /// nil for an unknown or removed user.
    func user(_ id: UserID) async throws -> User?
    func user(named name: String) async throws -> User?

    /// Users whose name contains `text`, without regard to case; by name.
    func users(matching text: String, kind: Account.Kind?, limit: Int, cursor: String?) async throws -> Page<User>

    /// What a list of people shows of each of them besides the account. Its cost depends on how many `users` are, not on
    /// how many are stored.
    func overviews(of users: [User], at now: Timestamp) async throws -> [UserID: UserOverview]

    /// The user of an identity, with the groups that the provider sent now; created at the first sign-in, with the first
    /// of `names` that is free.
    ///
    /// - Throws: ``Refusal`` `.conflict` for one who was disabled or removed.
    func signIn(
        _ identity: ExternalIdentity, names: [String], groups: [String], newID: UserID, at now: Timestamp
    ) async throws -> User

    /// The encoded password of a user who may sign in with one.
    func password(ofUser name: String) async throws -> (name: String, encoded: String)?

    /// Sets the password, or removes it. Returns the sessions that end: all but `session`.
    func setPassword(
        _ encoded: String?, ofUser name: String, keepingSession session: Data?
    ) async throws -> [AccessEntry]

    /// Disables or enables a user. Returns the sessions and links that end. Tokens of a disabled user don't work.
    func setDisabled(_ isDisabled: Bool, user id: UserID, at now: Timestamp) async throws -> [AccessEntry]

    /// Removes a user with all tokens, sessions and links, and returns those. The name stays taken.
    func removeUser(_ id: UserID, at now: Timestamp) async throws -> [AccessEntry]
}

/// The teams, roles and credentials of a user.
public struct UserOverview: Hashable, Sendable {
    /// By name; those through a group of the identity provider, too.
    public var teams: [String]
    /// The user's own roles first.
    public var held: [Rights.Held]
    public var tokens: Int
    /// Until when the newest invitation works.
    public var invitedUntil: Timestamp?

    public init(
        teams: [String] = [], held: [Rights.Held] = [], tokens: Int = 0, invitedUntil: Timestamp? = nil
    ) {
        self.teams = teams
        self.held = held
        self.tokens = tokens
        self.invitedUntil = invitedUntil
    }
}

public import Domain

/// Vineyards, teams and grants. What they mean is decided by ``Rights``.
public protocol RightsStore: Sendable {
    // MARK: - Who may do what

    /// What the account was granted, directly and through its teams. Costs a few look-ups by an index.
    func rights(of account: Account) async throws -> Rights

    /// The vines that these are, deleted ones too.
    func vines(in visible: VisibleVines) async throws -> Set<VineID>

    /// Where a vine is; nil for an unknown one. Deleted vines keep their vineyard.
    func vineyard(of vine: VineID) async throws -> VineyardID?

    /// Where a job is; nil for an unknown one.
    func vine(of job: JobID) async throws -> (vine: VineID, vineyard: VineyardID)?

    // MARK: - Grants

    /// Grants, newest first; nil fields do not matter.
    func grants(_ query: GrantQuery, limit: Int, cursor: String?) async throws -> Page<Grant>

    func grant(_ id: GrantID) async throws -> Grant?

    /// Stores a grant, and returns it; or the one that says the same already. An automatic grant of the principal is
    /// replaced by it, except that of ``Grant/createdBy``: nobody locks oneself out.
    ///
    /// - Throws: ``Refusal`` `.notFound` for an unknown team, vineyard or vine; `.conflict` for more than
    ///   ``RightsLimits/grants``.
    func createGrant(_ grant: Grant) async throws -> Grant

    /// Removes a grant.
    /// - Throws: ``Refusal`` `.notFound`; `.conflict` for that of ``Grant/admin``, which keeps an administrator there.
    func revokeGrant(_ id: GrantID) async throws

    /// Removes every grant of a principal that is gone, and a user's membership in teams.
    func removeRights(of principal: GrantPrincipal) async throws

    /// Makes `name` an administrator, as long as nobody granted a role to anybody: an installation where no roles are
    /// used is as easy as one without them.
    ///
    /// - Returns: whether `name` was made one now.
    @discardableResult
    func admit(_ name: String, id: GrantID, at now: Timestamp) async throws -> Bool

    // MARK: - Teams

    /// All, by name.
    func teams() async throws -> [Team]

    /// - Throws: ``Refusal`` `.conflict` for a name that is taken, and for more than ``RightsLimits/teams``.
    func createTeam(_ team: Team) async throws

    /// Changes the group and the members. - Throws: ``Refusal`` `.notFound`.
    func updateTeam(_ name: String, group: String?, members: Set<String>) async throws -> Team

    /// Adds a member, who may be one already.
    ///
    /// - Throws: ``Refusal`` `.notFound`; `.conflict` for more than ``RightsLimits/members``.
    func addMember(_ user: String, toTeam name: String) async throws

    /// Deletes the team with its grants. - Throws: ``Refusal`` `.notFound`.
    func deleteTeam(_ name: String) async throws

    // MARK: - Vineyards

    /// All, by name.
    func vineyards() async throws -> [Vineyard]

    func vineyard(_ id: VineyardID) async throws -> Vineyard?

    /// - Throws: ``Refusal`` `.conflict` for a name that is taken, and for more than ``RightsLimits/vineyards``.
    func createVineyard(_ vineyard: Vineyard) async throws

    /// - Throws: ``Refusal`` `.notFound`; `.conflict` for a name that is taken.
    func renameVineyard(_ id: VineyardID, to name: String) async throws -> Vineyard

    /// Deletes a vineyard with the grants on it.
    /// - Throws: ``Refusal`` `.notFound`; `.conflict` for the default one, one with vines (also deleted ones), and one
    ///   that a Tendril is bound to.
    func deleteVineyard(_ id: VineyardID) async throws
}

/// Which grants a list shows.
public struct GrantQuery: Hashable, Sendable {
    public var principal: GrantPrincipal?
    /// Only those made at one of these places; nil for all.
    public var scopes: [GrantScope]?
    public var role: Role?

    public init(principal: GrantPrincipal? = nil, scopes: [GrantScope]? = nil, role: Role? = nil) {
        self.principal = principal
        self.scopes = scopes
        self.role = role
    }
}

public import Domain

/// Who may do what: `/api/me`, `/api/grants`, `/api/teams`, `/api/vineyards`.
public enum RightsEndpoints {
    /// The vine that ``me`` is asked about.
    public static let vine = QueryParameter<VineID>.id("vine_id")

    public static let me = Endpoint<NoParameters, NoFields, MeResponse>(
        .get, "/api/me", "getMe", for: .user(.accountRead), query: [vine.description])

    /// The query of ``grants``.
    public enum Grants {
        public static let principal = QueryParameter<String>.text("principal")
        public static let scope = QueryParameter<String>.text("scope")
        public static let limit = QueryParameter<Int>.number("limit", in: 1...200)
        public static let cursor = QueryParameter<String>.text("cursor")
    }

    public static let grants = Endpoint<NoParameters, NoFields, ListResponse<GrantResponse>>(
        .get, "/api/grants", "listGrants", for: .user(.vinesRead),
        query: [
            Grants.principal.description, Grants.scope.description, Grants.limit.description,
            Grants.cursor.description,
        ])
    public static let createGrant = Endpoint<NoParameters, CreateGrantRequest, GrantResponse>(
        .post, "/api/grants", "createGrant", for: .user(.grantsManage), success: 201)
    public static let revokeGrant = Endpoint<GrantID, NoFields, NoContent>(
        .delete, "/api/grants/{id}", "revokeGrant", for: .user(.grantsManage), success: 204)

    public static let teams = Endpoint<NoParameters, NoFields, ListResponse<TeamResponse>>(
        .get, "/api/teams", "listTeams", for: .user(.vinesRead))
    public static let createTeam = Endpoint<NoParameters, CreateTeamRequest, TeamResponse>(
        .post, "/api/teams", "createTeam", for: .user(.usersManage), success: 201)
    public static let updateTeam = Endpoint<TeamName, PatchTeamRequest, TeamResponse>(
        .patch, "/api/teams/{name}", "updateTeam", for: .user(.usersManage))
    public static let deleteTeam = Endpoint<TeamName, NoFields, NoContent>(
        .delete, "/api/teams/{name}", "deleteTeam", for: .user(.usersManage), success: 204)

    public static let vineyards = Endpoint<NoParameters, NoFields, ListResponse<VineyardResponse>>(
        .get, "/api/vineyards", "listVineyards", for: .user(.vinesRead))
    public static let createVineyard = Endpoint<NoParameters, VineyardRequest, VineyardResponse>(
        .post, "/api/vineyards", "createVineyard", for: .user(.vineyardsManage), success: 201)
    public static let renameVineyard = Endpoint<VineyardID, VineyardRequest, VineyardResponse>(
        .patch, "/api/vineyards/{id}", "renameVineyard", for: .user(.grantsManage))
    public static let deleteVineyard = Endpoint<VineyardID, NoFields, NoContent>(
        .delete, "/api/vineyards/{id}", "deleteVineyard", for: .user(.vineyardsManage), success: 204)

    static let all = [
        me.description, grants.description, createGrant.description, revokeGrant.description, teams.description,
        createTeam.description, updateTeam.description, deleteTeam.description, vineyards.description,
        createVineyard.description, renameVineyard.description, deleteVineyard.description,
    ]
}

extension Grant: PathNoun { public static let noun = "grant" }
extension Vineyard: PathNoun {
    public static let noun = "vineyard"
    public static func resource(_ id: VineyardID) -> PathResource? { .vineyard(id) }
}

/// The name of a team.
public struct TeamName: PathParameters {
    public static let names = ["name"]
    public static let kinds: [ParameterKind] = [.text(maxBytes: 400)]
    public static let noun = "team"

    public var name: String

    public init(_ name: String) { self.name = name }
    public init?(texts: [String]) { self.init(texts[0]) }

    public var values: [String] { [name] }
}

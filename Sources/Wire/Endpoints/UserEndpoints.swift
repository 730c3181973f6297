public import Domain

/// People and service accounts: `/api/users`.
public enum UserEndpoints {
    public typealias OfUser<Request, Response> = Endpoint<UserID, Request, Response>

    /// The query of ``list``.
    public enum List {
        public static let text = QueryParameter<String>.text("q")
        public static let kind = QueryParameter<String>.choice("kind", of: Account.Kind.allCases.map(\.rawValue))
        public static let limit = QueryParameter<Int>.number("limit", in: 1...200)
        public static let cursor = QueryParameter<String>.text("cursor")
    }

    public static let list = Endpoint<NoParameters, NoFields, ListResponse<UserResponse>>(
        .get, "/api/users", "listUsers", for: .user(.usersManage),
        query: [List.text.description, List.kind.description, List.limit.description, List.cursor.description])
    public static let create = Endpoint<NoParameters, CreateUserRequest, CreateUserResponse>(
        .post, "/api/users", "createUser", for: .user(.usersManage), success: 201,
        "Creates a person's account with an invitation, or a service account.")
    public static let read = OfUser<NoFields, UserResponse>(
        .get, "/api/users/{id}", "getUser", for: .user(.usersManage))
    public static let invite = OfUser<NoFields, CreateUserResponse>(
        .post, "/api/users/{id}/invitation", "inviteUser", for: .user(.usersManage), success: 201,
        "Makes a new invitation, with which a local user chooses a password. Earlier ones stop working.")
    public static let disable = OfUser<NoFields, UserResponse>(
        .post, "/api/users/{id}/disable", "disableUser", for: .user(.usersManage))
    public static let enable = OfUser<NoFields, UserResponse>(
        .post, "/api/users/{id}/enable", "enableUser", for: .user(.usersManage))
    public static let signOut = OfUser<NoFields, EndedSessionsResponse>(
        .post, "/api/users/{id}/sign-out", "signOutUser", for: .user(.usersManage),
        "Ends all sessions of a user.")
    public static let remove = OfUser<NoFields, NoContent>(
        .delete, "/api/users/{id}", "removeUser", for: .user(.usersManage), success: 204,
        "Removes a user, with all tokens and sessions. The name stays taken.")

    public static let providers = Endpoint<NoParameters, NoFields, ListResponse<ProviderResponse>>(
        .get, "/api/providers", "listProviders", for: .user(.usersManage),
        "The identity providers, and how well they work.")

    static let all = [
        list.description, create.description, read.description, invite.description, disable.description,
        enable.description, signOut.description, remove.description, providers.description,
    ]
}

extension User: PathNoun { public static let noun = "user" }

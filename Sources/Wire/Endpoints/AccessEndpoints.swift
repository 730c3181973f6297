internal import Domain

/// Who has access: sign-in, tokens, sessions and links.
public enum AccessEndpoints {
    public static let signIn = Endpoint<NoParameters, SignInRequest, SignInResponse>(
        .post, "/sign-in", "signIn", for: .anyone)
    public static let signOut = Endpoint<NoParameters, NoFields, SignOutResponse>(
        .post, "/sign-out", "signOut", for: .user(.accountRead))
    public static let createLink = Endpoint<NoParameters, SignInLinkRequest, SignInLinkResponse>(
        .post, "/api/sign-in-links", "createSignInLink", for: .user(.usersManage), success: 201)

    public static let tokens = Endpoint<NoParameters, NoFields, ListResponse<TokenResponse>>(
        .get, "/api/tokens", "listTokens", for: .user(.usersManage))
    public static let createToken = Endpoint<NoParameters, CreateTokenRequest, CreateTokenResponse>(
        .post, "/api/tokens", "createToken", for: .user(.usersManage), success: 201)
    public static let replaceAdminToken = Endpoint<NoParameters, ReplaceAdminTokenRequest, ReplaceAdminTokenResponse>(
        .post, "/api/tokens/replace-admin", "replaceAdminToken", for: .user(.usersManage))
    public static let revokeToken = Endpoint<AccessID, NoFields, NoContent>(
        .delete, "/api/tokens/{id}", "revokeToken", for: .user(.usersManage), success: 204)

    public static let sessions = Endpoint<NoParameters, NoFields, ListResponse<SessionResponse>>(
        .get, "/api/sessions", "listSessions", for: .user(.usersManage))
    public static let revokeSession = Endpoint<AccessID, NoFields, NoContent>(
        .delete, "/api/sessions/{id}", "revokeSession", for: .user(.usersManage), success: 204)

    static let all = [
        signIn.description, signOut.description, createLink.description, tokens.description,
        createToken.description, replaceAdminToken.description, revokeToken.description, sessions.description,
        revokeSession.description,
    ]
}

/// The description of the API itself.
public enum ContractEndpoints {
    /// OpenAPI 3.1.
    public static let document = Endpoint<NoParameters, NoFields, RawBody<OpenAPIContent>>(
        .get, "/api/openapi.json", "getContract", for: .user(.accountRead))

    static let all = [document.description]
}

/// An OpenAPI document.
public enum OpenAPIContent {}

/// Every call of the API.
public enum Endpoints {
    public static let all =
        ContractEndpoints.all + AccessEndpoints.all + RightsEndpoints.all + VineEndpoints.all
        + StateEndpoints.all + VineStateEndpoints.all
        + JobEndpoints.all + LogEndpoints.all + ErrorEndpoints.all + TendrilEndpoints.all
        + AuditEndpoints.all
}

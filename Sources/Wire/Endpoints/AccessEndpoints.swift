internal import Domain

/// Who has access: sign-in, tokens, sessions and links.
public enum AccessEndpoints {
    public static let signIn = Endpoint<NoParameters, SignInRequest, SignInResponse>(
        .post, "/sign-in", "signIn", for: .anyone)
    public static let readInvitation = Endpoint<NoParameters, InvitationRequest, InvitationResponse>(
        .post, "/sign-in/invitation", "readInvitation", for: .anyone,
        "Whom an invitation is for. It stays.")
    public static let redeemLoginCode = Endpoint<NoParameters, RedeemLoginCodeRequest, CreateTokenResponse>(
        .post, "/sign-in/code", "redeemLoginCode", for: .anyone,
        "The token of a `vintner login`, for the code that its page gave out.")
    public static let signOut = Endpoint<NoParameters, NoFields, SignOutResponse>(
        .post, "/sign-out", "signOut", for: .user(.accountRead))
    public static let createLink = Endpoint<NoParameters, SignInLinkRequest, SignInLinkResponse>(
        .post, "/api/sign-in-links", "createSignInLink", for: .user(.usersManage), success: 201)

    /// Only what is the caller's own; for everybody who may not manage people, that is all there is.
    public static let mine = QueryParameter<Bool>.flag("mine")

    public static let tokens = Endpoint<NoParameters, NoFields, ListResponse<TokenResponse>>(
        .get, "/api/tokens", "listTokens", for: .user(.accountRead), query: [mine.description])
    public static let createToken = Endpoint<NoParameters, CreateTokenRequest, CreateTokenResponse>(
        .post, "/api/tokens", "createToken", for: .user(.accountWrite), success: 201,
        errors: [.tooMany])
    public static let replaceAdminToken = Endpoint<NoParameters, ReplaceAdminTokenRequest, ReplaceAdminTokenResponse>(
        .post, "/api/tokens/replace-admin", "replaceAdminToken", for: .user(.usersManage))
    public static let revokeToken = Endpoint<AccessID, NoFields, NoContent>(
        .delete, "/api/tokens/{id}", "revokeToken", for: .user(.accountWrite), success: 204)

    public static let sessions = Endpoint<NoParameters, NoFields, ListResponse<SessionResponse>>(
        .get, "/api/sessions", "listSessions", for: .user(.accountRead), query: [mine.description])
    public static let revokeSession = Endpoint<AccessID, NoFields, NoContent>(
        .delete, "/api/sessions/{id}", "revokeSession", for: .user(.accountWrite), success: 204)

    public static let account = Endpoint<NoParameters, NoFields, AccountResponse>(
        .get, "/api/account", "getAccount", for: .user(.accountRead))
    public static let setPassword = Endpoint<NoParameters, SetPasswordRequest, NoContent>(
        .put, "/api/account/password", "setPassword", for: .user(.accountWrite), success: 204,
        errors: [.tooMany],
        "Sets the caller's password. All other sessions end.")
    public static let endOtherSessions = Endpoint<NoParameters, NoFields, EndedSessionsResponse>(
        .post, "/api/account/sign-out-others", "endOtherSessions", for: .user(.accountWrite),
        "Ends all sessions of the caller but the one that asks.")
    public static let createLoginCode = Endpoint<NoParameters, CreateLoginCodeRequest, LoginCodeResponse>(
        .post, "/api/account/login-codes", "createLoginCode", for: .user(.accountWrite), success: 201,
        "A code with which a `vintner login` gets a token of the caller.")

    static let all = [
        signIn.description, readInvitation.description, redeemLoginCode.description, account.description,
        setPassword.description, endOtherSessions.description, createLoginCode.description,
        signOut.description, createLink.description, tokens.description,
        createToken.description, replaceAdminToken.description, revokeToken.description, sessions.description,
        revokeSession.description,
    ]
}

/// The description of the API itself.
public enum ContractEndpoints {
    public static let document = Endpoint<NoParameters, NoFields, RawBody<OpenAPIContent>>(
        .get, "/api/openapi.json", "getContract", for: .user(.accountRead),
        "OpenAPI 3.1.")

    static let all = [document.description]
}

/// An OpenAPI document.
public enum OpenAPIContent {}

/// What monitoring reads.
public enum MetricsEndpoints {
    public static let read = Endpoint<NoParameters, NoFields, RawBody<MetricsContent>>(
        .get, "/metrics", "getMetrics", for: .user(.metricsRead),
        "Counters and durations of this node, in the text format of Prometheus.")

    static let all = [read.description]
}

/// Metrics in the text format of Prometheus.
public enum MetricsContent {}

/// Every call of the API.
public enum Endpoints {
    /// Every call that creates something takes it.
    public static let idempotencyKey = HeaderParameterDescription(
        name: "Idempotency-Key", pattern: #"^"?[!#-~]{1,255}"?$|^$"#,
        expectation:
            "\"Idempotency-Key\" is a text of your choice. A request with the same key and contents is carried out once and gets the same answer for a day; with other contents it is refused with 409."
    )

    public static let all =
        ContractEndpoints.all + MetricsEndpoints.all + AccessEndpoints.all + UserEndpoints.all + RightsEndpoints.all
        + VineEndpoints.all
        + StateEndpoints.all + VineStateEndpoints.all
        + JobEndpoints.all + LogEndpoints.all + ErrorEndpoints.all + TendrilEndpoints.all
        + AuditEndpoints.all + IdentityEndpoints.all
}

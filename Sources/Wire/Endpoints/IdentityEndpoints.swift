public import Domain

/// Cloud identities: `/api/identities`, and the tokens that jobs get.
public enum IdentityEndpoints {
    public static let list = Endpoint<NoParameters, NoFields, ListResponse<IdentityResponse>>(
        .get, "/api/identities", "listIdentities", for: .user(.vinesRead))
    public static let create = Endpoint<NoParameters, CreateIdentityRequest, IdentityResponse>(
        .post, "/api/identities", "createIdentity", for: .user(.identitiesManage), success: 201)
    public static let show = Endpoint<CloudIdentityID, NoFields, IdentityResponse>(
        .get, "/api/identities/{id}", "getIdentity", for: .user(.vinesRead))
    public static let update = Endpoint<CloudIdentityID, PatchIdentityRequest, IdentityResponse>(
        .patch, "/api/identities/{id}", "updateIdentity", for: .user(.identitiesManage))
    public static let delete = Endpoint<CloudIdentityID, NoFields, NoContent>(
        .delete, "/api/identities/{id}", "deleteIdentity", for: .user(.identitiesManage), success: 204)
    public static let issuer = Endpoint<NoParameters, NoFields, IdentityIssuerResponse>(
        .get, "/api/identity-issuer", "getIdentityIssuer", for: .user(.vinesRead))
    public static let token = Endpoint<JobID, IdentityTokenRequest, IdentityTokenResponse>(
        .post, "/api/jobs/{id}/identity-token", "createIdentityToken", for: .tendril)

    static let all = [
        list.description, create.description, show.description, update.description, delete.description,
        issuer.description, token.description,
    ]
}

extension CloudIdentity: PathNoun {
    public static let noun = "cloud identity"
    public static func resource(_ id: CloudIdentityID) -> PathResource? { .identity(id) }
}

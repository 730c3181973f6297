internal import Domain
public import Foundation
public import OpenID

/// Reads how identity providers are configured.
public enum ProviderConfiguration {
    /// How many there may be.
    public static let limit = 20

    /// The providers in a JSON file: an array of objects with `name`, `issuer` and `client_id`, and perhaps
    /// `client_secret_file`, `groups_claim` and `scopes`.
    ///
    /// - Throws: ``TrellisStartError`` that says what is wrong.
    public static func read(_ data: Data, readSecret: (String) throws -> String) throws -> [OpenIDProvider] {
        struct Entry: Decodable {
            var name: String
            var issuer: String
            var clientId: String
            var clientSecretFile: String?
            var groupsClaim: String?
            var scopes: [String]?
        }
        let entries: [Entry]
        do {
            entries = try JSONValue(parsing: data).decoded(
                as: [Entry].self, names: .snakeCase, refusingUnknownFields: true)
        } catch {
            throw TrellisStartError.badProvider(
                "the file with the identity providers is not an array of objects with name, issuer, client_id, and "
                    + "perhaps client_secret_file, groups_claim and scopes")
        }
        var providers: [OpenIDProvider] = []
        for entry in entries {
            providers.append(
                OpenIDProvider(
                    id: id(of: entry.name), name: entry.name, issuer: entry.issuer, clientID: entry.clientId,
                    clientSecret: try entry.clientSecretFile.map(readSecret),
                    groupsClaim: entry.groupsClaim ?? "groups", scopes: entry.scopes))
        }
        return providers
    }

    /// - Throws: ``TrellisStartError`` that says what is wrong.
    public static func check(_ providers: [OpenIDProvider]) throws {
        func fail(_ reason: String) -> TrellisStartError { .badProvider(reason) }
        guard providers.count <= limit else { throw fail("there are more than \(limit) identity providers") }
        for provider in providers {
            guard !provider.name.isEmpty, provider.name.count <= 64, PlainName.isPlain(provider.name) else {
                throw fail("an identity provider has a name of 1 to 64 characters (--oidc-name)")
            }
            guard EndpointRule.allows(issuer: provider.issuer) else {
                throw fail("the issuer \(provider.issuer) must be an https URL, without query (--oidc-issuer)")
            }
            guard !provider.clientID.isEmpty, provider.clientID.utf8.count <= 500 else {
                throw fail("\(provider.name) needs a client ID (--oidc-client-id)")
            }
            guard provider.clientSecret.map({ !$0.isEmpty }) ?? true else {
                throw fail("the client secret of \(provider.name) is empty (--oidc-client-secret-file)")
            }
            guard !provider.groupsClaim.isEmpty, provider.groupsClaim.utf8.count <= 200 else {
                throw fail("\(provider.name) needs the name of a claim (--oidc-groups-claim)")
            }
        }
        guard Set(providers.map(\.id)).count == providers.count else {
            throw fail("two identity providers have names that differ too little")
        }
        guard Set(providers.map(\.issuer)).count == providers.count else {
            throw fail("two identity providers have the same issuer")
        }
    }

    /// A name as it is in addresses: "Company SSO" is `company-sso`.
    public static func id(of name: String) -> String {
        let parts = name.lowercased().split { !$0.isASCII || !($0.isLetter || $0.isNumber) }
        return parts.isEmpty ? "oidc" : parts.joined(separator: "-")
    }
}

internal import ArgumentParser
internal import Foundation
internal import OpenID
internal import Trellis

/// Where people sign in, the same for `vintner trellis` and `vintner up`.
struct ProviderOptions: ParsableArguments {
    @Option(help: "Issuer of an OpenID Connect provider with which people sign in, such as https://id.example.com.")
    var oidcIssuer: String?
    @Option(help: "The client ID that the provider gave to Vintner.") var oidcClientId: String?
    @Option(help: "File with the client secret; without it, PKCE alone is the proof.") var oidcClientSecretFile: String?
    @Option(help: "The claim with a person's groups; with dots, a path.") var oidcGroupsClaim = "groups"
    @Option(help: "What the sign-in page calls the provider.") var oidcName = "single sign-on"
    @Option(help: "JSON file with several providers; see docs/operations.md.") var oidcProviders: String?
    @Option(help: "Seconds between two readings of the groups of a person who uses Vintner, 5 to 3600.")
    var oidcRefresh = 8

    mutating func validate() throws {
        guard (oidcIssuer == nil) == (oidcClientId == nil) else {
            throw ValidationError("Give both --oidc-issuer and --oidc-client-id.")
        }
        guard oidcIssuer != nil || oidcClientSecretFile == nil else {
            throw ValidationError("--oidc-client-secret-file needs --oidc-issuer.")
        }
        guard (5...3600).contains(oidcRefresh) else { throw ValidationError("--oidc-refresh is 5 to 3600.") }
    }

    /// - Throws: `CommandFailure` for a file that can't be read, `TrellisStartError` for what can't be used.
    func read() throws -> [OpenIDProvider] {
        var providers: [OpenIDProvider] = []
        if let oidcIssuer, let oidcClientId {
            providers.append(
                OpenIDProvider(
                    id: ProviderConfiguration.id(of: oidcName), name: oidcName, issuer: oidcIssuer,
                    clientID: oidcClientId, clientSecret: try oidcClientSecretFile.map(Self.secret),
                    groupsClaim: oidcGroupsClaim))
        }
        if let oidcProviders {
            providers += try ProviderConfiguration.read(try Self.contents(oidcProviders), readSecret: Self.secret)
        }
        try ProviderConfiguration.check(providers)
        return providers
    }

    /// The same options, for another process.
    var arguments: [String] {
        var arguments: [String] = []
        func add(_ name: String, _ value: String?) { if let value { arguments += [name, value] } }
        add("--oidc-issuer", oidcIssuer)
        add("--oidc-client-id", oidcClientId)
        add("--oidc-client-secret-file", oidcClientSecretFile)
        add("--oidc-groups-claim", oidcGroupsClaim)
        add("--oidc-name", oidcName)
        add("--oidc-providers", oidcProviders)
        add("--oidc-refresh", String(oidcRefresh))
        return arguments
    }

    private static func secret(_ path: String) throws -> String {
        String(decoding: try contents(path), as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private static func contents(_ path: String) throws -> Data {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw CommandFailure("\(path) can't be read.")
        }
        return data
    }
}

internal import ArgumentParser
internal import Domain
internal import Trellis

/// Options of the tokens that jobs get for clouds.
struct IssuerOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "URL under which clouds find this installation as an OpenID Connect issuer.",
            discussion: """
                Without it, cloud identities can't be used. The clouds must be able to read \
                URL/.well-known/openid-configuration and URL/.well-known/jwks.json; "vintner identities export" writes \
                both for a static bucket. See docs/cloud-identities.md.
                """))
    var identityIssuer: String?
    @Option(
        help: ArgumentHelp(
            "Subject of the tokens.",
            discussion: "Placeholders: {vineyard_id}, {vine_id}, {stage}, {phase}. A change needs new trust policies."))
    var identitySubject = TokenSubject.standard
    @Option(help: "Seconds that a token is valid; a running job gets new ones in time.") var identityTokenLifetime =
        Int(IssuerConfiguration.standardLifetime / 1000)

    mutating func validate() throws {
        guard IssuerConfiguration.lifetimes.contains(identityTokenLifetime) else {
            let range = IssuerConfiguration.lifetimes
            throw ValidationError("--identity-token-lifetime is \(range.lowerBound) to \(range.upperBound).")
        }
        do { _ = try configuration() } catch let refusal as Refusal { throw ValidationError(refusal.reason) }
    }

    func configuration() throws -> IssuerConfiguration? {
        let subject = try TokenSubject(identitySubject)
        guard let identityIssuer else { return nil }
        return try IssuerConfiguration(
            url: identityIssuer, subject: subject, tokenLifetime: Int64(identityTokenLifetime) * 1000)
    }

    /// For a server that is started with the same options.
    var arguments: [String] {
        guard let identityIssuer else { return [] }
        return [
            "--identity-issuer", identityIssuer, "--identity-subject", identitySubject,
            "--identity-token-lifetime", String(identityTokenLifetime),
        ]
    }
}

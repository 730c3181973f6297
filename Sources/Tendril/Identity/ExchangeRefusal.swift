import Domain
import Foundation
import Wire

/// Explains why a cloud refused a token, and what to do. Pure.
enum ExchangeRefusal {
    static func aws(
        code: String, message: String, _ token: IdentityTokenResponse, date: String?
    ) -> CloudExchangeError {
        let role = token.access.roleArn ?? ""
        let said = "AWS said: \(code.isEmpty ? "" : "\(code), ")\(message.trimmingCharacters(in: .whitespaces))"
        let text = message.lowercased()
        switch code {
        case "AccessDenied":
            return CloudExchangeError(
                description:
                    "AWS refused IAM role \(role): its trust policy does not match the token. The token has the "
                    + "subject \"\(token.subject)\", the audience \"\(token.audience)\" and the issuer "
                    + "\"\(token.issuer)\". Compare them with the conditions of the policy. \(said)")
        case "ExpiredTokenException", "ExpiredToken":
            return skew("AWS", token, date: date, said: said)
        case "InvalidIdentityToken"
        where text.contains("not before") || text.contains("expired") || text.contains("nbf"):
            return skew("AWS", token, date: date, said: said)
        case "InvalidIdentityToken" where text.contains("audience"):
            return CloudExchangeError(
                description:
                    "AWS does not know the audience \"\(token.audience)\": add it to the OIDC provider of "
                    + "\(token.issuer) in IAM. \(said)")
        case "InvalidIdentityToken" where text.contains("no openidconnect provider"):
            return CloudExchangeError(
                description:
                    "The account of IAM role \(role) has no OIDC provider for \(token.issuer). Create it in IAM, with "
                    + "the audience \"\(token.audience)\". \(said)")
        case "IDPCommunicationError":
            return unreachable("AWS", token, said: said)
        case "InvalidIdentityToken" where text.contains("retrieve") || text.contains("communicat"):
            return unreachable("AWS", token, said: said)
        case "ValidationError" where text.contains("duration"):
            return CloudExchangeError(
                description:
                    "IAM role \(role) does not permit sessions of "
                    + "\(token.access.durationSeconds ?? CloudAccess.defaultDuration) s. Lower the identity's "
                    + "duration, or raise the role's maximum. \(said)")
        default:
            return CloudExchangeError(
                description: "AWS refused IAM role \(role). \(said)",
                isTransient: ["", "InternalFailure", "ServiceUnavailable", "Throttling"].contains(code))
        }
    }

    static func google(
        code: String, message: String, _ token: IdentityTokenResponse, isTransient: Bool
    ) -> CloudExchangeError {
        let said = "Google said: \(code.isEmpty ? "" : "\(code), ")\(message)"
        let text = message.lowercased()
        if text.contains("stale") || text.contains("expired") || text.contains("issued at") {
            return skew("Google Cloud", token, date: nil, said: said)
        }
        if text.contains("jwks") || text.contains("connect to the issuer") || text.contains("fetch") {
            return unreachable("Google Cloud", token, said: said)
        }
        if text.contains("attribute condition") || code == "unauthorized_client" {
            return CloudExchangeError(
                description:
                    "The attribute condition of \(token.access.workloadIdentityProvider ?? "the provider") does not "
                    + "match the token, whose subject is \"\(token.subject)\". \(said)")
        }
        if text.contains("audience") {
            return CloudExchangeError(
                description: "Google Cloud does not know the audience \"\(token.audience)\". \(said)")
        }
        return CloudExchangeError(
            description: "Google Cloud refused the token with the subject \"\(token.subject)\". \(said)",
            isTransient: isTransient)
    }

    static func azure(message: String, _ token: IdentityTokenResponse, isTransient: Bool) -> CloudExchangeError {
        let first = message.split(whereSeparator: \.isNewline).first.map(String.init) ?? message
        let said = "Azure said: \(first)"
        if first.contains("AADSTS70021") || first.contains("AADSTS700213") || first.contains("AADSTS700211") {
            return CloudExchangeError(
                description:
                    "No federated credential of the application \(token.access.clientId ?? "") matches the token. It "
                    + "has the subject \"\(token.subject)\", the audience \"\(token.audience)\" and the issuer "
                    + "\"\(token.issuer)\"; Azure compares them exactly. \(said)")
        }
        if first.contains("AADSTS700024") { return skew("Azure", token, date: nil, said: said) }
        if first.contains("AADSTS50166") || first.contains("AADSTS700027") {
            return unreachable("Azure", token, said: said)
        }
        return CloudExchangeError(
            description: "Azure refused the application \(token.access.clientId ?? ""). \(said)",
            isTransient: isTransient)
    }

    private static func skew(
        _ cloud: String, _ token: IdentityTokenResponse, date: String?, said: String
    ) -> CloudExchangeError {
        let theirs = date.map { " and \(cloud)'s was \($0.shortened(toBytes: 60))" } ?? ""
        return CloudExchangeError(
            description:
                "\(cloud) takes the token for one of another time: the clocks differ. Trellis' clock was "
                + "\(token.issuedAt)\(theirs). Set the clock of Trellis by NTP. \(said)")
    }

    private static func unreachable(
        _ cloud: String, _ token: IdentityTokenResponse, said: String
    ) -> CloudExchangeError {
        CloudExchangeError(
            description:
                "\(cloud) can't read the keys of the issuer at \(token.issuer)/.well-known/jwks.json. It must be "
                + "reachable from the internet, or be exported to a bucket (vintner identities export). \(said)",
            isTransient: true)
    }
}

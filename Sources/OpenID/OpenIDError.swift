/// Why a sign-in with an identity provider failed. The sentences hold nothing that the provider sent.
public enum OpenIDError: Error, Hashable, Sendable, CustomStringConvertible {
    /// No answer, an answer that took too long or was too large, or one with a status that says to try again.
    case unreachable
    /// The discovery document, the keys or the token response can't be used.
    case malformed(String)
    /// The provider refused the code, the refresh token or the client's secret.
    case refused
    /// The ID token is not valid.
    case badToken(TokenDefect)

    public enum TokenDefect: String, Sendable {
        case malformed = "is malformed"
        case algorithm = "is signed with an algorithm other than RS256 and ES256"
        case unknownKey = "is signed with an unknown key"
        case signature = "has a wrong signature"
        case issuer = "comes from another issuer"
        case audience = "is meant for another client"
        case authorizedParty = "was issued to another client"
        case expired = "has expired"
        case notYetValid = "is not valid yet"
        case nonce = "answers another sign-in"
        case subject = "names another person"
        case groups = "names too many groups"
    }

    public var description: String {
        switch self {
        case .unreachable: "the identity provider does not answer"
        case .malformed(let what): "the identity provider sent a malformed \(what)"
        case .refused: "the identity provider refused the request"
        case .badToken(let defect): "the ID token \(defect.rawValue)"
        }
    }
}

internal import Domain

/// Who sent a request.
enum Principal: Sendable {
    case user(User)
    case tendril(TendrilID)

    struct User: Sendable {
        var name: String
        /// The session's CSRF token, for pages; nil where an API token was sent.
        var csrfToken: String?
        /// What the request came with.
        var credential: Credential
    }
}

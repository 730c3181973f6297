/// Which git sources are allowed: no URL that runs a helper, or needs or contains a password.
public struct GitRules: Sendable {
    public var allowsFileURLs: Bool

    public init(allowsFileURLs: Bool = false) { self.allowsFileURLs = allowsFileURLs }

    public func check(_ url: String, _ ref: String, _ path: String?) throws(Refusal) {
        try checkURL(url)
        try checkRef(ref)
        if let path { try VineRules.checkPath(path, called: "\"path\"") }
    }

    /// The URL as it is stored: `git@host:org/repo`, as ssh users write it, becomes `ssh://git@host/org/repo`. Every
    /// other URL stays as it is.
    public static func normalizedURL(_ url: String) -> String {
        guard !url.contains("://"), let at = url.firstIndex(of: "@"), let colon = url[at...].firstIndex(of: ":") else {
            return url
        }
        let (user, host) = (url[..<at], url[url.index(after: at)..<colon])
        let path = url[url.index(after: colon)...].drop { $0 == "/" }
        let isSCP =
            !user.isEmpty && !host.isEmpty && !path.isEmpty && !user.contains { $0 == "/" || $0 == ":" }
            && !host.contains("/") && user.first != "-" && host.first != "-"
        return isSCP ? "ssh://\(user)@\(host)/\(path)" : url
    }

    private func checkURL(_ url: String) throws(Refusal) {
        guard url.utf8.count <= 2048, url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            throw invalid("A git URL has at most 2048 visible ASCII characters.")
        }
        let schemes = allowsFileURLs ? ["https://", "ssh://", "file://"] : ["https://", "ssh://"]
        guard let scheme = schemes.first(where: url.hasPrefix) else {
            throw invalid("Use https:// or ssh://.")
        }
        let authority = url.dropFirst(scheme.count).prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard scheme == "file://" || !authority.isEmpty, authority.first != "-" else {
            throw invalid("The git URL has no host.")
        }
        // ssh needs `git@`. A password or a token in the URL would be stored in plain text.
        if let at = authority.lastIndex(of: "@") {
            let user = authority[..<at]
            guard scheme == "ssh://", !user.contains(":"), user.first != "-" else {
                throw invalid("Remove the credentials from the URL.")
            }
        }
    }

    private func checkRef(_ ref: String) throws(Refusal) {
        // git-check-ref-format(1), and nothing that could be read as an option.
        let forbidden: Set<Character> = [" ", "~", "^", ":", "?", "*", "[", "\\"]
        let isFine =
            !ref.isEmpty && ref.utf8.count <= 255 && ref.first != "-" && ref.first != "/" && ref.last != "/"
            && ref.last != "." && !ref.contains("..") && !ref.contains("@{") && !ref.contains("//")
            && ref.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f } && !ref.contains(where: forbidden.contains)
        guard isFine else { throw invalid("The git ref is not a valid branch, tag or commit.") }
    }

    private func invalid(_ reason: String) -> Refusal { Refusal(.invalid, reason) }
}

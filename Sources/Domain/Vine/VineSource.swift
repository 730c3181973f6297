/// Where a vine's Terraform files come from.
public enum VineSource: Hashable, Sendable {
    /// The files themselves, by their path inside the source, and the folder among them in which Terraform runs (nil
    /// for the top).
    case inline(files: [String: InlineFile], path: String? = nil)
    /// A folder of a git repository at a ref (branch, tag or commit).
    case git(url: String, ref: String, path: String?)

    /// Plain text files.
    public static func inline(texts: [String: String]) -> VineSource {
        .inline(files: texts.mapValues { InlineFile($0) })
    }

    /// The folder in the source where Terraform runs; nil for the top.
    public var path: String? {
        switch self {
        case .inline(_, let path), .git(_, _, let path): path
        }
    }

    /// The source as it is stored: `./a/` as `a`, and `git@host:org/repo` as `ssh://git@host/org/repo`.
    public var normalized: VineSource {
        switch self {
        case .inline(let files, let path): .inline(files: files, path: path.flatMap(Self.normalizedPath))
        case .git(let url, let ref, let path):
            .git(url: GitRules.normalizedURL(url), ref: ref, path: path.flatMap(Self.normalizedPath))
        }
    }

    /// The path without empty and "." components; nil for the top itself. An absolute path stays as it is.
    private static func normalizedPath(_ path: String) -> String? {
        guard !path.hasPrefix("/") else { return path }
        let parts = path.split(separator: "/").filter { $0 != "." }
        return parts.isEmpty ? nil : parts.joined(separator: "/")
    }
}

extension VineSource: Codable {
    private enum CodingKeys: String, CodingKey { case type, files, url, ref, path }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        switch try container.decode(String.self, forKey: .type) {
        case "inline":
            self = .inline(
                files: try container.decode([String: InlineFile].self, forKey: .files),
                path: try container.decodeIfPresent(String.self, forKey: .path))
        case "git":
            self = .git(
                url: try container.decode(String.self, forKey: .url),
                ref: try container.decode(String.self, forKey: .ref),
                path: try container.decodeIfPresent(String.self, forKey: .path))
        case let other:
            throw DecodingError.dataCorruptedError(
                forKey: .type, in: container, debugDescription: "type is \"inline\" or \"git\", not \"\(other)\"")
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .inline(let files, let path):
            try container.encode("inline", forKey: .type)
            try container.encode(files, forKey: .files)
            try container.encodeIfPresent(path, forKey: .path)
        case .git(let url, let ref, let path):
            try container.encode("git", forKey: .type)
            try container.encode(url, forKey: .url)
            try container.encode(ref, forKey: .ref)
            try container.encodeIfPresent(path, forKey: .path)
        }
    }
}

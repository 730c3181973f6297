/// Where a vine's Terraform files come from.
public enum VineSource: Hashable, Sendable {
    /// The files themselves, by their path inside the working folder.
    case inline(files: [String: String])
    /// A folder of a git repository at a ref (branch, tag or commit).
    case git(url: String, ref: String, path: String?)
}

extension VineSource: Codable {
    private enum CodingKeys: String, CodingKey { case type, files, url, ref, path }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        switch try container.decode(String.self, forKey: .type) {
        case "inline":
            self = .inline(files: try container.decode([String: String].self, forKey: .files))
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
        case .inline(let files):
            try container.encode("inline", forKey: .type)
            try container.encode(files, forKey: .files)
        case .git(let url, let ref, let path):
            try container.encode("git", forKey: .type)
            try container.encode(url, forKey: .url)
            try container.encode(ref, forKey: .ref)
            try container.encodeIfPresent(path, forKey: .path)
        }
    }
}

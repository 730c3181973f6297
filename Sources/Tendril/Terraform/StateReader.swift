import Domain
import Foundation

/// Reads a few fields of a Terraform state (format 4).
enum StateReader {
    /// The state's position; nil for an invalid or incomplete file.
    static func position(of data: Data) -> StatePosition? {
        var lineage: String?
        var serial: Int64?
        do {
            try JSONCursor.read(data) { cursor in
                try cursor.members { name, cursor in
                    switch name {
                    case "lineage": lineage = try cursor.string()
                    case "serial": serial = try cursor.integer()
                    default: try cursor.skip()
                    }
                }
            }
        } catch { return nil }
        guard let lineage, let serial else { return nil }
        return StatePosition(lineage: lineage, serial: serial)
    }

    struct Outputs: Hashable {
        var values: [String: JSONValue] = [:]
        /// The names of those that are marked as too large.
        var tooLarge: [String] = []
        /// The names of those of which some part is marked as too deep.
        var tooDeep: [String] = []
    }

    /// Metadata may nest ``JSONDepth/metadata`` levels; `outputs` and the output's own name take two.
    private static let outputDepth = JSONDepth.metadata - 2

    /// The outputs, sensitive ones as `(sensitive)`; one that is larger than `limit` bytes as `(too large)`, and what
    /// nests too deep as `(too deep)`.
    static func outputs(of data: Data, limit: Int = 64 << 10) throws -> Outputs {
        var outputs = Outputs()
        try JSONCursor.read(data) { cursor in
            try cursor.members { name, cursor in
                guard name == "outputs" else { return try cursor.skip() }
                try cursor.members { name, cursor in
                    var value: (value: JSONValue, isCut: Bool)?
                    var isSensitive = false
                    try cursor.members { field, cursor in
                        switch field {
                        case "value": value = try cursor.value(limit: limit, maxDepth: Self.outputDepth)
                        case "sensitive": isSensitive = try cursor.isTrue()
                        default: try cursor.skip()
                        }
                    }
                    outputs.values[name] = isSensitive ? "(sensitive)" : value?.value ?? JobMetadata.tooLarge
                    guard !isSensitive else { return }
                    if value == nil { outputs.tooLarge.append(name) }
                    if value?.isCut == true { outputs.tooDeep.append(name) }
                }
            }
        }
        return outputs
    }
}

/// The backend of a vine's state, as `init` recorded it in `.terraform/terraform.tfstate`.
enum BackendKind: Hashable, Sendable {
    /// Terraform's default: the file in the working folder, which Trellis keeps.
    case trellis
    /// A backend, or `cloud`, of the source's own: never overridden.
    case backend(String)
    /// A setting under which the state would be lost with the working folder, with the reason.
    case refused(String)

    /// `data` is the file's; nil if `init` wrote none.
    static func read(_ data: Data?, environment: [String: String], workingDirectory: String) -> BackendKind {
        var type: String?
        var path: String?
        if let data {
            _ = try? JSONCursor.read(data) { cursor in
                try cursor.members { name, cursor in
                    guard name == "backend" else { return try cursor.skip() }
                    try cursor.members { name, cursor in
                        switch name {
                        case "type": type = try cursor.string()
                        case "config":
                            try cursor.members { name, cursor in
                                if name == "path" { path = try cursor.string() } else { try cursor.skip() }
                            }
                        default: try cursor.skip()
                        }
                    }
                }
            }
        }
        if let type, type != "local" { return .backend(type) }
        if let path, path != "terraform.tfstate" {
            // A path outside the working folder persists; the user manages it.
            if path.hasPrefix("/"), !path.hasPrefix(workingDirectory) { return .backend("local file \(path)") }
            return .refused(
                "The source sets its own path for the local state (\(path)), where it would be lost with the working "
                    + "folder. Remove the backend block, or use a remote backend.")
        }
        if let name = environment["TF_WORKSPACE"], !name.isEmpty, name != "default" {
            return .refused(
                "TF_WORKSPACE selects the workspace \"\(name)\", but Vintner keeps one state per vine. Make a vine per "
                    + "workspace, or use a remote backend.")
        }
        return .trellis
    }
}

import Domain
import Foundation
import SystemCalls

/// An engine and where it is.
struct FoundEngine: Codable, Hashable, Sendable {
    var engine: Engine
    /// Absolute path of the executable.
    var path: String
}

/// Finds the engines of this machine. Getting a version takes about 0.2 s, so results are cached
/// for as long as the executable stays the same.
actor EngineFinder {
    private struct Known {
        var fingerprint: Files.Fingerprint
        var engine: Engine
    }

    private let folders: [String]
    private let environment: [String: String]
    private var known: [String: Known] = [:]

    /// Looks in `folders` first, then on the PATH of `environment`, which is the engine's own.
    init(folders: [String], environment: [String: String]) {
        let path = environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"
        self.folders = folders + path.split(separator: ":").map(String.init)
        self.environment = environment
    }

    /// What is there now, at most one of each name: the first that works.
    func find() async -> [FoundEngine] {
        var engines: [FoundEngine] = []
        for name in Engine.Name.allCases {
            for folder in folders where folder.hasPrefix("/") {
                let path = "\(folder)/\(name.rawValue)"
                if let engine = await engine(name, at: path) {
                    engines.append(FoundEngine(engine: engine, path: path))
                    break
                }
            }
        }
        return engines
    }

    /// The engine for a job; nil if none fits.
    static func choose(
        _ requirement: EngineRequirement, from engines: [FoundEngine], runRoot: String
    ) -> FoundEngine? {
        engines.first { requirement.isMet(by: $0.engine, runRoot: runRoot) }
    }

    private func engine(_ name: Engine.Name, at path: String) async -> Engine? {
        guard Files.isExecutable(path), let fingerprint = Files.fingerprint(path) else { return nil }
        if let known = known[path], known.fingerprint == fingerprint { return known.engine }
        guard let result = try? await Command(executable: path, environment: environment).run(["version", "-json"]),
            result.status == 0, let engine = Self.read(result.output, name)
        else { return nil }
        known[path] = Known(fingerprint: fingerprint, engine: engine)
        return engine
    }

    /// Reads what `version -json` prints; OpenTofu says `terraform_version` too.
    static func read(_ output: Data, _ name: Engine.Name) -> Engine? {
        struct Version: Decodable {
            var terraform_version: String
            var platform: String
        }
        guard let version = try? JSONDecoder().decode(Version.self, from: output) else { return nil }
        return Engine(name: name, version: version.terraform_version, platform: version.platform)
    }
}

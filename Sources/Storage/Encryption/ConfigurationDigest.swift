internal import Crypto
public import Domain
internal import Foundation

extension Vault {
    /// The digest of a vine's configuration (``Snapshot/digest``): equal if source, variables, environment, engine,
    /// region and cloud identity are; sensitive values count through a keyed hash. Names of project and stage do not count.
    ///
    /// All snapshot digests come from here: ``JobStore/planFacts(_:)`` compares with the vine's own.
    public func configurationDigest(of settings: VineSettings, secrets: VineSecrets) throws -> String {
        let digested = Digested(
            source: settings.source, variables: settings.variables, environment: settings.environment,
            engine: settings.engine, region: settings.region, identity: settings.identity?.rawValue,
            sensitiveVariables: try secrets.variables.mapValues { try fingerprint(of: $0, kind: "variable") },
            sensitiveEnvironment: try secrets.environment.mapValues { try fingerprint(of: $0, kind: "environment") })
        return SHA256.hash(data: try Self.canonical(digested)).hexadecimal
    }

    private func fingerprint(of value: some Encodable, kind: String) throws -> String {
        fingerprint(of: try Self.canonical(value), for: "configuration:\(kind)").hexadecimal
    }

    private static func canonical(_ value: some Encodable) throws -> Data {
        Data(try JSONValue(encoding: value).bytes)
    }

    private struct Digested: Encodable {
        var source: VineSource
        var variables: [String: JSONValue]
        var environment: [String: String]
        var engine: Engine.Name?
        var region: String?
        /// Absent for none, so that digests of earlier versions stay the same.
        var identity: String?
        var sensitiveVariables: [String: String]
        var sensitiveEnvironment: [String: String]
    }
}

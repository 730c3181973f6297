internal import Domain
internal import Foundation
internal import Storage

/// What is recorded of a change of a vine: the names of what changed. Of secrets there are fingerprints, which tell
/// whether two are equal and nothing else.
struct VineChanges: Sendable {
    var vault: Vault

    /// Names in one event.
    static let maximumNames = 200

    func between(
        _ oldVine: Vine, _ oldSecrets: VineSecrets, _ newVine: Vine, _ newSecrets: VineSecrets
    ) -> [String: JSONValue] {
        let (old, new) = (oldVine.settings, newVine.settings)
        var fields: [String] = []
        if oldVine.vineyard != newVine.vineyard { fields.append("vineyard") }
        if oldVine.needsTwoPeople != newVine.needsTwoPeople { fields.append("two_people") }
        if old.projectName != new.projectName { fields.append("project_name") }
        if old.environmentStage != new.environmentStage { fields.append("environment_stage") }
        if old.region != new.region { fields.append("region") }
        if old.engine != new.engine { fields.append("engine") }
        if old.source != new.source { fields.append("source") }
        if old.identity != new.identity { fields.append("identity") }
        if old.origin != new.origin { fields.append("origin") }
        fields += Self.names(old.variables, new.variables).map { "variables.\($0)" }
        fields += Self.names(old.environment, new.environment).map { "environment.\($0)" }
        var fingerprints: [String: JSONValue] = [:]
        for name in Self.names(oldSecrets.variables, newSecrets.variables) {
            let value = newSecrets.variables[name].map { fingerprint($0.bytes) }
            fingerprints["sensitive_variables.\(name)"] = value ?? .null
        }
        for name in Self.names(oldSecrets.environment, newSecrets.environment) {
            let value = newSecrets.environment[name].map { fingerprint(Array($0.utf8)) }
            fingerprints["sensitive_environment.\(name)"] = value ?? .null
        }
        fields += fingerprints.keys.sorted()
        var changes: [String: JSONValue] = ["fields": .array(fields.prefix(Self.maximumNames).map(JSONValue.string))]
        if fields.count > Self.maximumNames { changes["more"] = .integer(Int64(fields.count - Self.maximumNames)) }
        if !fingerprints.isEmpty {
            let kept = fingerprints.sorted { $0.key < $1.key }.prefix(Self.maximumNames)
            changes["fingerprints"] = .object(Dictionary(uniqueKeysWithValues: kept.map { ($0.key, $0.value) }))
        }
        return changes
    }

    private func fingerprint(_ value: [UInt8]) -> JSONValue {
        .string(vault.fingerprint(of: Data(value), for: "audit").prefix(8).hexadecimal)
    }

    /// The keys whose values differ.
    private static func names<Value: Equatable>(_ old: [String: Value], _ new: [String: Value]) -> [String] {
        Set(old.keys).union(new.keys).filter { old[$0] != new[$0] }.sorted()
    }
}

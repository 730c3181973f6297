import Crypto
import Domain
import Foundation
import Wire

/// A plan's changes without its secrets: the only form in which they leave this machine.
///
/// Read from the plan's JSON (`show -json`), which contains all values in plain text.
struct RedactedPlan: Sendable {
    /// In the order of their `n`.
    private(set) var changes: [PlanChangeMessage] = []
    /// Counts, outputs and checks: the `summary` of the API.
    private(set) var summary: JSONValue = .object([:])
    /// What was left out, by name.
    private(set) var truncated: Set<String> = []

    private let masker: any TextMasking
    private var budget: Int
    private let limits: Limits

    struct Limits {
        var resources = PlanChangeLimits.resources
        var resourceBytes = PlanChangeLimits.resourceBytes
        var totalBytes = PlanChangeLimits.totalBytes
        var summaryBytes = PlanChangeLimits.summaryBytes
        /// The longest list in the summary.
        var entries = 500
    }

    /// - Throws: for malformed JSON.
    init(_ data: Data, refreshOnly: Bool, masker: any TextMasking, limits: Limits = Limits()) throws {
        // Providers copy values without their marks, as into `terraform_data`'s output.
        self.masker = LayeredMasker(masker, Masker(secrets: try SensitiveTexts(plan: data).texts.sorted()))
        self.limits = limits
        budget = limits.totalBytes
        let overview = try PlanOverview(data)
        var listed: [PlanOverview.Entry] = overview.entries.filter {
            $0.head.action != .noOp && ($0.list != .drift || refreshOnly || overview.isRelevant($0.head))
        }
        listed.sort {
            $0.list == $1.list || $0.list != .drift && $1.list != .drift
                ? PlannedResource.isBefore($0.head, $1.head) : $0.list != .drift
        }
        let hiddenDrift = overview.entries.count { $0.list == .drift } - listed.count { $0.list == .drift }
        if listed.count > limits.resources {
            truncated.insert("resources")
            listed.removeLast(listed.count - limits.resources)
        }
        let numbers = Dictionary(uniqueKeysWithValues: listed.enumerated().map { ($0.element.key, $0.offset + 1) })
        var found = [PlanChangeMessage?](repeating: nil, count: listed.count)
        // Twice, so that what loses data has its attributes even if all of them are too many.
        for isDestructive in [true, false] {
            try PlanOverview.visit(data) { key, cursor in
                var copy = cursor
                let head = try PlannedResource.head(&copy)
                guard let n = numbers[key], head.action.isDestructive == isDestructive else { return cursor = copy }
                found[n - 1] = message(
                    try PlannedResource.whole(&cursor), n: n, isDrift: key.list == .drift,
                    deferred: key.list == .deferred ? overview.deferrals[key.index] ?? "unknown" : nil)
            }
        }
        changes = found.compactMap(\.self)
        summary = try self.summary(of: data, overview, hiddenDrift: hiddenDrift)
    }

    // MARK: - One resource

    private mutating func message(
        _ resource: PlannedResource, n: Int, isDrift: Bool, deferred: String?
    ) -> PlanChangeMessage {
        var cut: [JSONValue] = []
        var detail: [String: JSONValue] = ["diff": [], "outline": [], "unchanged": 0]
        var names: [String] = []
        if resource.isUnreadable {
            cut = ["attributes"]
        } else {
            let diff = AttributeDiff(resource.sides, forces: resource.forces, masker: masker)
            let encoded = diff.encoded(budget: min(limits.resourceBytes, budget))
            budget -= encoded.bytes
            detail = encoded.members
            names = encoded.attributes
            if encoded.isCut { cut = ["attributes"] }
        }
        if !cut.isEmpty { truncated.insert("attributes") }
        detail["cut"] = cut.isEmpty ? nil : .array(cut)
        if let id = resource.importing { detail["import_id"] = .string(shown(id)) }
        let change = PlanChange(
            n: n, address: shown(resource.address), previousAddress: resource.previousAddress.map(shown),
            deposed: resource.deposed.map(shown), module: shown(resource.module), type: shown(resource.type),
            action: resource.action, reason: resource.reason.map(shown),
            forces: resource.forces.prefix(20).map { shown($0.text) }, drift: isDrift,
            deferred: deferred.map(shown), attributes: names)
        return PlanChangeMessage(
            change: change, digest: digest(of: resource, change), detail: .object(detail))
    }

    /// Equal for two plans that do the same to a resource. Of what the page may show only: the digest of a secret would
    /// help to guess it.
    private func digest(of resource: PlannedResource, _ change: PlanChange) -> String {
        var canonical: [String: JSONValue] = [
            "action": .string(change.action.rawValue), "unreadable": .bool(resource.isUnreadable),
            "moved": change.previousAddress.map { .string($0) } ?? .null, "drift": .bool(change.drift),
        ]
        if !resource.isUnreadable {
            if let after = resource.sides.after {
                canonical["after"] = masker.mask(resource.sides.afterSensitive.redacted(after))
            }
            canonical["unknown"] = resource.sides.unknown.tree.map { masker.mask($0) } ?? .null
        }
        return SHA256.hash(data: JSONValue.object(canonical).bytes).hexadecimal
    }

    private func shown(_ text: String) -> String { masker.mask(text).shortened(toBytes: PlanChangeLimits.nameBytes) }

    // MARK: - The rest of the plan

    private mutating func summary(of data: Data, _ overview: PlanOverview, hiddenDrift: Int) throws -> JSONValue {
        var actions: [String: Int64] = [:]
        var types: Set<String> = []
        for change in changes.map(\.change) {
            actions[change.drift ? "drift" : change.action.rawValue, default: 0] += 1
            if types.count < limits.entries { types.insert(change.type) }
        }
        var outputs: [JSONValue] = []
        var checks: [JSONValue] = []
        try JSONCursor.read(data) { cursor in
            try cursor.members { name, cursor in
                switch name {
                case "output_changes":
                    try cursor.members { name, cursor in
                        if let output = try self.output(name, &cursor) { outputs.append(output) }
                    }
                case "checks": try cursor.elements { if let check = try self.check(&$0) { checks.append(check) } }
                default: try cursor.skip()
                }
            }
        }
        var left = limits.summaryBytes
        func fitting(_ items: [JSONValue], _ name: String) -> JSONValue {
            var kept: [JSONValue] = []
            for item in items {
                let size = item.bytes.count + 1
                guard size <= left, kept.count < limits.entries else {
                    truncated.insert(name)
                    continue
                }
                left -= size
                kept.append(item)
            }
            return .array(kept)
        }
        var members: [String: JSONValue] = [
            "total": .integer(Int64(changes.count)), "actions": .object(actions.mapValues(JSONValue.integer)),
            "types": .array(types.sorted().map(JSONValue.string)), "outputs": fitting(outputs, "outputs"),
            "checks": fitting(checks, "checks"), "unchanged": .integer(Int64(overview.unchanged)),
            "hidden_drift": .integer(Int64(hiddenDrift)),
        ]
        if overview.isErrored { members["errored"] = true }
        if !truncated.isEmpty { members["truncated"] = .array(truncated.sorted().map(JSONValue.string)) }
        return .object(members)
    }

    /// nil for an output that does not change.
    private func output(_ name: String, _ cursor: inout JSONCursor) throws -> JSONValue? {
        let resource = try PlannedResource.output(&cursor)
        guard resource.action != .noOp else { return nil }
        var members: [String: JSONValue] = ["name": .string(shown(name)), "action": .string(resource.action.rawValue)]
        guard !resource.isUnreadable else {
            members["cut"] = true
            return .object(members)
        }
        let diff = AttributeDiff(value: resource.sides, masker: masker)
        let encoded = diff.encoded(budget: 16 << 10)
        members["diff"] = encoded.members["diff"]
        members["outline"] = encoded.members["outline"]
        if encoded.isCut { members["cut"] = true }
        return .object(members)
    }

    /// nil for one that passes.
    private func check(_ cursor: inout JSONCursor) throws -> JSONValue? {
        guard let read = try? cursor.value(limit: 256 << 10, maxDepth: 16) else { return nil }
        let status = read.value["status"]?.stringValue ?? ""
        guard status != "pass" else { return nil }
        var problems: [JSONValue] = []
        if case .array(let instances) = read.value["instances"] {
            for instance in instances {
                guard case .array(let found) = instance["problems"] else { continue }
                problems += found.compactMap { $0["message"]?.stringValue }.map { .string(shown($0)) }
            }
        }
        return [
            "address": .string(shown(read.value["address"]?["to_display"]?.stringValue ?? "")),
            "kind": .string(shown(read.value["address"]?["kind"]?.stringValue ?? "")), "status": .string(shown(status)),
            "problems": .array(Array(problems.prefix(20))),
        ]
    }
}

internal import Domain
internal import Foundation
internal import Wire

/// What is different between two states of a vine, without secrets.
struct StateComparison: Sendable {
    private let before: StateDocument
    private let after: StateDocument
    private let masker: any TextMasking

    /// Outputs that are compared, and encoded bytes of one of them.
    private static let outputLimit = 200
    private static let outputBytes = 16 << 10

    init(_ before: StateDocument, _ after: StateDocument, secrets: VineSecrets) {
        self.before = before
        self.after = after
        masker = StateMasker.make(for: [before, after], secrets: secrets)
    }

    /// Everything but attributes.
    struct Summary: Sendable {
        var counts = ["create": 0, "update": 0, "delete": 0, "no-op": 0]
        /// What is gone comes first.
        var resources: [StateComparisonResponse.Resource] = []
        var outputs: [StateComparisonResponse.Output] = []
        var isCut = false
    }

    func summary() -> Summary {
        var summary = Summary()
        summary.isCut = before.isCut || after.isCut
        var rest = Dictionary(before.instances.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        var found: [(action: PlanAction, instance: StateDocument.Instance)] = []
        for instance in after.instances {
            guard let old = rest.removeValue(forKey: instance.key) else {
                found.append((.create, instance))
                continue
            }
            if isSame(old, instance) {
                summary.counts["no-op", default: 0] += 1
            } else {
                found.append((.update, instance))
            }
        }
        found += rest.values.map { (.delete, $0) }
        for (action, _) in found { summary.counts[action.rawValue, default: 0] += 1 }
        summary.resources = found.map { action, instance in
            let item = StateComparisonResponse.Resource(
                address: masker.mask(instance.key.address), module: masker.mask(instance.module),
                type: masker.mask(instance.type), deposed: instance.key.deposed, action: action)
            let (module, address) = (NaturalOrder(item.module), NaturalOrder(item.address))
            return (item, (Self.rank(action), module, address, item.deposed ?? ""))
        }.sorted { $0.1 < $1.1 }.map(\.0)
        summary.outputs = outputs(&summary.isCut)
        return summary
    }

    private static func rank(_ action: PlanAction) -> Int {
        switch action {
        case .delete: 0
        case .update: 1
        default: 2
        }
    }

    private func isSame(_ old: StateDocument.Instance, _ new: StateDocument.Instance) -> Bool {
        guard old.isTainted == new.isTainted else { return false }
        if before.hasSameBytes(old, as: new, in: after) { return true }
        guard let one = before.attributes(of: old), let other = after.attributes(of: new) else { return false }
        // What was cut may differ.
        return one.value == other.value && !one.isCut && !other.isCut
    }

    // MARK: - Outputs

    private func outputs(_ isCut: inout Bool) -> [StateComparisonResponse.Output] {
        let old = Dictionary(before.outputs.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let new = Dictionary(after.outputs.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        var found: [StateComparisonResponse.Output] = []
        for name in Set(old.keys).union(new.keys).sorted() {
            if let one = old[name], let other = new[name], before.hasSameBytes(one, as: other, in: after) { continue }
            guard found.count < Self.outputLimit else {
                isCut = true
                break
            }
            if let output = output(name, old[name], new[name]) { found.append(output) }
        }
        return found
    }

    /// nil if only the layout differs.
    private func output(
        _ name: String, _ old: StateDocument.Output?, _ new: StateDocument.Output?
    ) -> StateComparisonResponse.Output? {
        let (one, other) = (old.flatMap(before.value), new.flatMap(after.value))
        let isUnreadable = old != nil && one == nil || new != nil && other == nil
        if let one, let other, one.value == other.value, old?.isSensitive == new?.isSensitive { return nil }
        let sides = AttributeDiff.Sides(
            before: one?.value, after: other?.value, beforeSensitive: old?.isSensitive == true ? .whole : .none,
            afterSensitive: new?.isSensitive == true ? .whole : .none)
        let encoded = AttributeDiff(value: isUnreadable ? .init() : sides, masker: masker)
            .encoded(budget: Self.outputBytes)
        return .init(
            name: masker.mask(name).shortened(toBytes: PlanChangeLimits.nameBytes),
            action: old == nil ? .create : new == nil ? .delete : .update, diff: encoded.list("diff"),
            outline: encoded.list("outline"), isCut: encoded.isCut || isUnreadable ? true : nil)
    }

    // MARK: - One resource

    /// nil if neither state has it. `address` is as the summary shows it.
    func resource(_ address: String, deposed: String?) -> StateResourceResponse? {
        func find(_ document: StateDocument) -> StateDocument.Instance? {
            document.instances.first { $0.key.deposed == deposed && $0.key.address == address }
                ?? document.instances.first { $0.key.deposed == deposed && masker.mask($0.key.address) == address }
        }
        let (old, new) = (find(before), find(after))
        guard old != nil || new != nil else { return nil }
        let (one, other) = (old.flatMap(before.attributes), new.flatMap(after.attributes))
        let isUnreadable = old != nil && one == nil || new != nil && other == nil
        let action: PlanAction =
            if let old, let new { isSame(old, new) ? .noOp : .update } else { old == nil ? .create : .delete }
        let sides = AttributeDiff.Sides(
            before: one?.value, after: other?.value, beforeSensitive: one?.sensitivity ?? .none,
            afterSensitive: other?.sensitivity ?? .none)
        let encoded = AttributeDiff(isUnreadable ? .init() : sides, masker: masker)
            .encoded(budget: PlanChangeLimits.resourceBytes)
        return StateResourceResponse(
            address: address, action: action, diff: encoded.list("diff"), outline: encoded.list("outline"),
            unchanged: encoded.members["unchanged"]?.integerValue.map { Int(clamping: $0) } ?? 0,
            isCut: encoded.isCut || isUnreadable || one?.isCut == true || other?.isCut == true)
    }
}

extension AttributeDiff.Encoded {
    fileprivate func list(_ name: String) -> [JSONValue] {
        if case .array(let items) = members[name] { items } else { [] }
    }
}

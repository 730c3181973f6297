internal import Domain
internal import Foundation
internal import Wire

/// What people see of one state: outputs and resources, without secrets.
struct StateView: Sendable {
    /// Why there is nothing else.
    var problem: StateProblem?
    var outputs: [VineOutputsResponse.Item] = []
    var hasMoreOutputs = false
    /// By type, then by module and address.
    var resources: [VineResourcesResponse.Item] = []
    var isCut = false

    /// Encoded bytes of all outputs.
    static let outputBytes = 1 << 20

    init(_ bytes: Data, secrets: VineSecrets) {
        let document: StateDocument
        do { document = try StateDocument(bytes) } catch {
            problem = error
            return
        }
        let masker = StateMasker.make(for: [document], secrets: secrets)
        var left = Self.outputBytes
        for output in document.outputs.sorted(by: { $0.name < $1.name }) {
            let item = Self.item(output, of: document, masker)
            left -= item.name.utf8.count + (item.value?.bytes.count ?? 0)
            guard left >= 0 else {
                hasMoreOutputs = true
                break
            }
            outputs.append(item)
        }
        isCut = document.isCut
        resources = document.instances.map { instance in
            VineResourcesResponse.Item(
                address: masker.mask(instance.key.address), module: masker.mask(instance.module),
                type: masker.mask(instance.type), deposed: instance.key.deposed, tainted: instance.isTainted)
        }
        resources = resources.map { item in
            (item, (item.type, NaturalOrder(item.module), NaturalOrder(item.address), item.deposed ?? ""))
        }.sorted { $0.1 < $1.1 }.map(\.0)
    }

    private static func item(
        _ output: StateDocument.Output, of document: StateDocument, _ masker: any TextMasking
    ) -> VineOutputsResponse.Item {
        let name = masker.mask(output.name).shortened(toBytes: PlanChangeLimits.nameBytes)
        guard !output.isSensitive else { return .init(name: name, value: nil, sensitive: true, isCut: nil) }
        guard let (value, isCut) = document.value(of: output) else {
            return .init(name: name, value: nil, sensitive: false, isCut: true)
        }
        let masked = masker.mask(value.cut(below: AttributeDiff.wholeDepth))
        if case .string(let text) = masked {
            let short = text.shortened(toBytes: PlanChangeLimits.valueBytes)
            return .init(name: name, value: .string(short), sensitive: false, isCut: short != text ? true : nil)
        }
        guard masked.bytes.count <= PlanChangeLimits.valueBytes else {
            return .init(name: name, value: nil, sensitive: false, isCut: true)
        }
        return .init(name: name, value: masked, sensitive: false, isCut: isCut ? true : nil)
    }
}

enum StateMasker {
    /// Hides what the states mark as sensitive, wherever it is, and the vine's own secrets.
    static func make(for documents: [StateDocument], secrets: VineSecrets) -> any TextMasking {
        var texts = SensitiveTexts()
        for document in documents { document.collect(into: &texts) }
        return Masker(secrets: (texts.texts.union(secrets.maskedTexts)).sorted())
    }
}

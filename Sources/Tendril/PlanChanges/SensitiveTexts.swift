import Domain
import Foundation

/// The texts and numbers that a plan marks as sensitive anywhere. They are masked in the whole plan: an engine loses
/// the mark where a provider copies a value.
struct SensitiveTexts {
    private(set) var texts: Set<String> = []
    private var bytes = 0

    /// Of more, the first ones are taken.
    static let countLimit = 10_000
    static let byteLimit = 8 << 20

    /// - Throws: for malformed JSON.
    init(_ data: Data) throws {
        try PlanOverview.visit(data) { _, cursor in add(try PlannedResource.whole(&cursor)) }
        try JSONCursor.read(data) { cursor in
            try cursor.members { name, cursor in
                guard name == "output_changes" else { return try cursor.skip() }
                try cursor.members { _, cursor in add(try PlannedResource.output(&cursor)) }
            }
        }
    }

    private mutating func add(_ resource: PlannedResource) {
        add(resource.sides.before, resource.sides.beforeSensitive)
        add(resource.sides.after, resource.sides.afterSensitive)
    }

    private mutating func add(_ value: JSONValue?, _ sensitivity: Sensitivity) {
        guard let value, sensitivity.isAny else { return }
        switch value {
        case .string(let text): take(text)
        case .integer(let number): take(String(number))
        case .number(let number): take("\(number)")
        case .array(let items):
            for (index, item) in items.enumerated() {
                add(item, sensitivity.isWhole ? sensitivity : sensitivity[element: index])
            }
        case .object(let members):
            for (name, member) in members { add(member, sensitivity.isWhole ? sensitivity : sensitivity[member: name]) }
        case .null, .bool: break
        }
    }

    private mutating func take(_ text: String) {
        let size = text.utf8.count
        guard size > 0, texts.count < Self.countLimit, bytes + size <= Self.byteLimit, texts.insert(text).inserted
        else {
            return
        }
        bytes += size
    }
}

/// Masks what the job and what the plan says is secret.
struct LayeredMasker: TextMasking {
    let job: any TextMasking
    let plan: Masker

    func mask(_ text: String) -> String { plan.mask(job.mask(text)) }

    func mask(_ value: JSONValue) -> JSONValue { plan.mask(job.mask(value)) }
}

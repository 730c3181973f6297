/// The texts and numbers that a plan or a state marks as sensitive anywhere. They are masked in all of it: an engine
/// loses the mark where a provider copies a value.
package struct SensitiveTexts {
    package private(set) var texts: Set<String> = []
    private var bytes = 0

    /// Of more, the first ones are taken.
    static let countLimit = 10_000
    static let byteLimit = 8 << 20

    package init() {}

    /// Adds what `sensitivity` marks of `value`.
    package mutating func add(_ value: JSONValue?, _ sensitivity: Sensitivity) {
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

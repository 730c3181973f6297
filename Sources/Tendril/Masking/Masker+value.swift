import Domain

extension Masker: TextMasking {
    /// `value` with every secret hidden: in strings and names, and numbers that are secret in any notation.
    func mask(_ value: JSONValue) -> JSONValue {
        switch value {
        case .null, .bool: return value
        case .integer(let number): return hides(number: String(number)) ? .string(Self.replacement) : value
        case .number(let number): return hides(number: "\(number)") ? .string(Self.replacement) : value
        case .string(let text): return .string(mask(text))
        case .array(let items): return .array(items.map { mask($0) })
        case .object(let members):
            var masked: [String: JSONValue] = [:]
            for (name, member) in members.sorted(by: { $0.key < $1.key }) {
                // Two names may become one; neither member is lost.
                var shown = mask(name)
                var number = 2
                while masked[shown] != nil {
                    shown = "\(mask(name)) \(number)"
                    number += 1
                }
                masked[shown] = mask(member)
            }
            return .object(masked)
        }
    }
}

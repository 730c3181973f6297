/// Takes secrets out of text.
package protocol TextMasking: Sendable {
    func mask(_ text: String) -> String
    /// Takes secrets out of every string, name, and number in `value`.
    func mask(_ value: JSONValue) -> JSONValue
}

extension TextMasking {
    package func mask(_ value: JSONValue) -> JSONValue { value.mapStrings { mask($0) } }
}

/// Hides what either of two maskers hides.
package struct LayeredMasker: TextMasking {
    private let first: any TextMasking
    private let second: Masker

    package init(_ first: any TextMasking, _ second: Masker) { (self.first, self.second) = (first, second) }

    package func mask(_ text: String) -> String { second.mask(first.mask(text)) }

    package func mask(_ value: JSONValue) -> JSONValue { second.mask(first.mask(value)) }
}

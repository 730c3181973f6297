import Domain

extension VineSecrets {
    /// Every text that must not be seen: the values of the sensitive variables, down to their leaves, and of the
    /// environment. What is shorter than ``VineSecrets/minimumLength`` can't be masked.
    var texts: [String] {
        var texts = Array(environment.values)
        func collect(_ value: JSONValue) {
            switch value {
            case .string(let text): texts.append(text)
            case .integer(let number): texts.append(String(number))
            case .number(let number): texts.append(String(number))
            case .array(let items): items.forEach(collect)
            case .object(let members): members.values.forEach(collect)
            case .null, .bool: break
            }
        }
        variables.values.forEach(collect)
        return texts
    }
}

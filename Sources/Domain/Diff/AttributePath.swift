/// Where a value is in a resource: `network_interface[0].tags["a b"]`.
package struct AttributePath: Hashable, Sendable {
    package enum Step: Hashable, Sendable {
        case name(String)
        case index(Int)
    }

    package var steps: [Step] = []

    package static let root = AttributePath()

    package func appending(_ step: Step) -> AttributePath { AttributePath(steps: steps + [step]) }

    /// A path of the plan's `replace_paths`: names and numbers. nil for anything else.
    package init?(_ value: JSONValue) {
        guard case .array(let parts) = value else { return nil }
        for part in parts {
            if let name = part.stringValue {
                steps.append(.name(name))
            } else if let index = part.integerValue {
                steps.append(.index(Int(clamping: index)))
            } else {
                return nil
            }
        }
    }

    package init(steps: [Step] = []) { self.steps = steps }

    /// As the engine writes it.
    package var text: String {
        steps.reduce(into: "") { text, step in
            switch step {
            case .index(let index): text += "[\(index)]"
            case .name(let name):
                if text.isEmpty {
                    text += name
                } else if Self.isPlain(name) {
                    text += ".\(name)"
                } else {
                    text += "[\(JSONValue.string(name).text)]"
                }
            }
        }
    }

    /// The last step, as the row of the value is labeled.
    package var label: String {
        switch steps.last {
        case .name(let name): Self.isPlain(name) ? name : JSONValue.string(name).text
        case .index(let index): "[\(index)]"
        case nil: ""
        }
    }

    private static func isPlain(_ name: String) -> Bool {
        !name.isEmpty
            && name.unicodeScalars.allSatisfy {
                $0.isASCII && ($0.properties.isAlphabetic || "0123456789_-".unicodeScalars.contains($0))
            }
    }
}

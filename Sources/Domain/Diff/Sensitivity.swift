/// One of a plan's trees of sensitivity (`before_sensitive`, `after_sensitive`): true where a value is sensitive, and
/// an object or array of the same for its parts.
///
/// In doubt, a value is sensitive: a tree that was cut, or that does not have the value's form, hides it.
package struct Sensitivity: Hashable, Sendable {
    /// nil where nothing is sensitive.
    package let tree: JSONValue?

    package init(_ tree: JSONValue?) { self.tree = tree }

    package static let none = Sensitivity(nil)

    /// The whole value is sensitive.
    package var isWhole: Bool {
        switch tree {
        case nil, .null, .bool(false), .object, .array: false
        default: true
        }
    }

    /// Some part of the value is sensitive, or all of it.
    package var isAny: Bool {
        switch tree {
        case .object(let members): members.values.contains { Sensitivity($0).isAny }
        case .array(let items): items.contains { Sensitivity($0).isAny }
        default: isWhole
        }
    }

    /// Of a member of the value, which is an object.
    package subscript(member name: String) -> Sensitivity {
        if case .object(let members) = tree { return Sensitivity(members[name]) }
        return isAny ? Sensitivity(.bool(true)) : .none
    }

    /// Of an element of the value, which is an array.
    package subscript(element index: Int) -> Sensitivity {
        if case .array(let items) = tree { return items.indices.contains(index) ? Sensitivity(items[index]) : .none }
        return isAny ? Sensitivity(.bool(true)) : .none
    }

    /// What replaces a sensitive value.
    package static let replacement: JSONValue = "(sensitive)"

    /// `value` with everything sensitive replaced.
    package func redacted(_ value: JSONValue) -> JSONValue {
        if isWhole { return Self.replacement }
        switch value {
        case .object(let members):
            return .object(
                Dictionary(uniqueKeysWithValues: members.map { ($0.key, self[member: $0.key].redacted($0.value)) }))
        case .array(let items):
            return .array(items.enumerated().map { self[element: $0.offset].redacted($0.element) })
        default: return isAny ? Self.replacement : value
        }
    }
}

/// The plan's tree of values that are known only after the apply (`after_unknown`).
package struct Unknowns: Hashable, Sendable {
    package let tree: JSONValue?

    package init(_ tree: JSONValue?) { self.tree = tree }

    package static let none = Unknowns(nil)

    package var isWhole: Bool { tree == .bool(true) }

    /// Some part is unknown.
    package var isAny: Bool {
        switch tree {
        case .object(let members): members.values.contains { Unknowns($0).isAny }
        case .array(let items): items.contains { Unknowns($0).isAny }
        default: isWhole
        }
    }

    package subscript(member name: String) -> Unknowns { Unknowns(tree?[name]) }

    package subscript(element index: Int) -> Unknowns {
        guard case .array(let items) = tree, items.indices.contains(index) else { return .none }
        return Unknowns(items[index])
    }

    /// `after` without the unknown parts; of the form that the unknown parts need if `after` leaves them out.
    package func completing(_ after: JSONValue?) -> JSONValue? {
        guard isAny, after == nil || after == .null else { return after }
        switch tree {
        case .object: return .object([:])
        case .array(let items): return .array(items.map { _ in .null })
        default: return after
        }
    }

    /// The names that only this tree knows.
    package var memberNames: Set<String> {
        guard case .object(let members) = tree else { return [] }
        return Set(members.filter { Unknowns($0.value).isAny }.keys)
    }
}

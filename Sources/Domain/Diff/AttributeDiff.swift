/// The attributes of one resource before and after a change, leaf by leaf.
///
/// Made by walking the plan's trees together. Sensitive values are never taken along; every other string, name and
/// number goes through the job's masker. The comparison itself uses the real values, so a secret that changes is seen
/// to change.
package struct AttributeDiff: Sendable {
    /// What the plan says about one value.
    package struct Sides {
        /// nil where the value is absent; an explicit null is a value.
        package var before: JSONValue?
        package var after: JSONValue?
        package var unknown: Unknowns
        package var beforeSensitive: Sensitivity
        package var afterSensitive: Sensitivity

        package init(
            before: JSONValue? = nil, after: JSONValue? = nil, unknown: Unknowns = .none,
            beforeSensitive: Sensitivity = .none, afterSensitive: Sensitivity = .none
        ) {
            self.before = before
            self.after = after
            self.unknown = unknown
            self.beforeSensitive = beforeSensitive
            self.afterSensitive = afterSensitive
        }

        /// Sensitive on either side hides both: the value may be the same.
        var isSensitive: Bool { beforeSensitive.isWhole || afterSensitive.isWhole }
    }

    enum Change: String, Sendable {
        case create, update, delete
        case same = "no-op"
    }

    /// A container's row, before those of its parts.
    struct Heading: Sendable {
        enum Kind: String, Sendable {
            case map, list, blocks
            /// A list of different strings in order, as the engine writes a set. A plan does not tell sets from lists.
            case sorted
            /// JSON in a string.
            case json
            /// YAML in a string.
            case yaml
        }

        var kind: Kind
        var change: Change
        /// Parts that are the same on both sides and not shown.
        var same = 0
    }

    struct Leaf: Sendable {
        var change: Change
        /// nil where absent, sensitive or unknown.
        var before: JSONValue?
        var after: JSONValue?
        var isSensitive = false
        var isUnknown = false
        var isWriteOnly = false
        var isForcing = false
        /// Part of a value was left out.
        var isCut = false
    }

    struct Row: Sendable {
        enum Content: Sendable {
            case heading(Heading)
            case leaf(Leaf)
        }

        var path: AttributePath
        var content: Content
    }

    private(set) var rows: [Row] = []
    /// Leaves were left out, or values shortened.
    private(set) var isCut = false
    let masker: any TextMasking
    private let forces: [AttributePath]
    /// What is walked is in JSON or YAML, which has no nested blocks.
    private var isInDocument = false

    /// Leaves of one resource.
    static let leafLimit = 10_000
    /// Levels of a value that is shown as a whole. The messages around it add some.
    package static let wholeDepth = 32
    /// Bytes of a string that is read as JSON.
    static let documentBytes = 256 << 10

    package init(_ sides: Sides, forces: [AttributePath] = [], masker: any TextMasking) {
        self.masker = masker
        self.forces = forces
        if sides.isSensitive {
            leaf(sides, at: .root, isElement: false)
        } else {
            members(sides, at: .root)
        }
    }

    /// A single value, such as an output's.
    package init(value sides: Sides, masker: any TextMasking) {
        self.masker = masker
        forces = []
        walk(sides, at: .root, isElement: false)
    }

    // MARK: - The walk

    private mutating func walk(_ sides: Sides, at path: AttributePath, isElement: Bool) {
        guard rows.count < Self.leafLimit else { return isCut = true }
        var sides = sides
        sides.after = sides.unknown.completing(sides.after)
        guard !sides.isSensitive, !sides.unknown.isWhole, path.steps.count < JSONDepth.request else {
            return leaf(sides, at: path, isElement: isElement)
        }
        switch (sides.before, sides.after) {
        case (.object(let before), .object(let after)) where !(before.isEmpty && after.isEmpty):
            container(.map, sides, at: path) { $0.members(sides, at: path) }
        case (.object(let members), nil), (.object(let members), .null), (nil, .object(let members)),
            (.null, .object(let members)):
            guard !members.isEmpty || sides.unknown.isAny else { return leaf(sides, at: path, isElement: isElement) }
            container(.map, sides, at: path) { $0.members(sides, at: path) }
        case (.array(let before), .array(let after)) where !(before.isEmpty && after.isEmpty):
            list(before, after, sides, at: path)
        case (.array(let items), nil), (.array(let items), .null):
            guard !items.isEmpty else { return leaf(sides, at: path, isElement: isElement) }
            list(items, [], sides, at: path)
        case (nil, .array(let items)), (.null, .array(let items)):
            guard !items.isEmpty else { return leaf(sides, at: path, isElement: isElement) }
            list([], items, sides, at: path)
        default:
            for kind in [Heading.Kind.json, .yaml] {
                guard let documents = documents(kind, in: sides) else { continue }
                let wasInDocument = isInDocument
                isInDocument = true
                container(kind, documents, at: path) { $0.content(documents, at: path) }
                isInDocument = wasInDocument
                return
            }
            leaf(sides, at: path, isElement: isElement)
        }
    }

    /// The parts of a document, whose own row is there already.
    private mutating func content(_ sides: Sides, at path: AttributePath) {
        if case .array = sides.before ?? sides.after {
            elements(sides.before.items, sides.after.items, sides, at: path)
        } else {
            members(sides, at: path)
        }
    }

    private mutating func members(_ sides: Sides, at path: AttributePath) {
        let (before, after) = (sides.before.members, sides.after.members)
        let names = Set(before.keys).union(after.keys).union(sides.unknown.memberNames)
        for name in names.sorted() {
            let part = Sides(
                before: before[name], after: after[name], unknown: sides.unknown[member: name],
                beforeSensitive: sides.beforeSensitive[member: name],
                afterSensitive: sides.afterSensitive[member: name])
            let place = path.appending(.name(name))
            if path.steps.isEmpty, name.hasSuffix("_wo"), isWriteOnly(name, before, after) {
                add(place, .leaf(Leaf(change: .same, isWriteOnly: true)))
            } else {
                walk(part, at: place, isElement: false)
            }
        }
    }

    /// By the convention of providers: `name_wo`, always null, with `name_wo_version` beside it.
    private func isWriteOnly(_ name: String, _ before: [String: JSONValue], _ after: [String: JSONValue]) -> Bool {
        let isNull = (before[name] ?? .null) == .null && (after[name] ?? .null) == .null
        let version = after["\(name)_version"] ?? before["\(name)_version"]
        return isNull && version != nil && version != .null
    }

    private mutating func list(_ before: [JSONValue], _ after: [JSONValue], _ sides: Sides, at path: AttributePath) {
        let all = before + after
        let isBlocks = all.allSatisfy { if case .object = $0 { true } else { false } }
        let kind: Heading.Kind =
            isBlocks && !isInDocument ? .blocks : Self.isSorted(before) && Self.isSorted(after) ? .sorted : .list
        container(kind, sides, at: path) { $0.elements(before, after, sides, at: path) }
    }

    private mutating func elements(
        _ before: [JSONValue], _ after: [JSONValue], _ sides: Sides, at path: AttributePath
    ) {
        let steps = ListAlignment.steps(before, after) { sides.unknown[element: $0].isAny }
        for step in steps {
            var part = Sides()
            var index = 0
            if case .pair(let i, _) = step {
                (part.before, part.beforeSensitive) = (before[i], sides.beforeSensitive[element: i])
            }
            if case .removed(let i) = step {
                (part.before, part.beforeSensitive, index) = (before[i], sides.beforeSensitive[element: i], i)
            }
            switch step {
            case .pair(_, let j), .inserted(let j):
                (part.after, part.afterSensitive) = (after[j], sides.afterSensitive[element: j])
                part.unknown = sides.unknown[element: j]
                index = j
            case .removed: break
            }
            walk(part, at: path.appending(.index(index)), isElement: true)
        }
    }

    /// A single element says nothing about the order.
    private static func isSorted(_ items: [JSONValue]) -> Bool {
        guard items.count != 1 else { return false }
        var last: String?
        for item in items {
            guard case .string(let text) = item, last.map({ $0 < text }) ?? true else { return false }
            last = text
        }
        return true
    }

    /// Adds the heading, then what `body` adds.
    private mutating func container(
        _ kind: Heading.Kind, _ sides: Sides, at path: AttributePath, body: (inout AttributeDiff) -> Void
    ) {
        let start = rows.count
        add(path, .heading(Heading(kind: kind, change: .same)))
        body(&self)
        var change = Change.same
        if sides.before.isAbsent {
            change = .create
        } else if sides.after.isAbsent {
            change = .delete
        } else if rows[(start + 1)...].contains(where: { $0.leaf.map { $0.change != .same } ?? false }) {
            change = .update
        }
        rows[start].content = .heading(Heading(kind: kind, change: change))
    }

    // MARK: - Documents in strings

    /// The documents that two strings hold; nil unless both (or the only one) are objects or arrays in JSON or YAML, differ
    /// in more than their layout, and hold no secret as a whole: a part of a secret may be too short to be recognized.
    private func documents(_ kind: Heading.Kind, in sides: Sides) -> Sides? {
        guard !sides.beforeSensitive.isAny, !sides.afterSensitive.isAny, !sides.unknown.isAny else { return nil }
        func document(_ value: JSONValue?) -> JSONValue? {
            guard case .string(let text) = value, text.utf8.count <= Self.documentBytes,
                let parsed = Self.document(kind, in: text), masker.mask(text) == text
            else { return nil }
            return parsed == .object([:]) || parsed == .array([]) ? nil : parsed
        }
        let (before, after) = (document(sides.before), document(sides.after))
        switch (before, after) {
        case (.object, .object), (.array, .array): return before == after ? nil : Sides(before: before, after: after)
        case (_?, nil) where sides.after.isAbsent: return Sides(before: before)
        case (nil, _?) where sides.before.isAbsent: return Sides(after: after)
        default: return nil
        }
    }

    private static func document(_ kind: Heading.Kind, in text: String) -> JSONValue? {
        guard kind == .json else { return YAMLDocument.parse(text, maxDepth: wholeDepth) }
        guard let first = text.utf8.first(where: { $0 > 0x20 }),
            first == UInt8(ascii: "{") || first == UInt8(ascii: "[")
        else { return nil }
        return try? JSONValue(parsing: text.utf8, maxDepth: wholeDepth)
    }

    // MARK: - Rows

    private mutating func leaf(_ sides: Sides, at path: AttributePath, isElement: Bool) {
        let isUnknown = sides.unknown.isWhole
        func isThere(_ value: JSONValue?) -> Bool { value != nil && (isElement || value != .null) }
        let (hasBefore, hasAfter) = (isThere(sides.before), isUnknown || isThere(sides.after))
        let change: Change
        switch (hasBefore, hasAfter) {
        // An attribute that is not set on either side.
        case (false, false): return
        case (false, true): change = .create
        case (true, false): change = .delete
        case (true, true): change = sides.before == sides.after && !isUnknown ? .same : .update
        }
        var leaf = Leaf(change: change, isSensitive: sides.isSensitive, isUnknown: isUnknown)
        leaf.isForcing =
            change != .same
            && forces.contains { path.steps.starts(with: $0.steps) || $0.steps.starts(with: path.steps) }
        if !sides.isSensitive {
            leaf.before = shown(sides.before, sides.beforeSensitive, &leaf.isCut)
            leaf.after = isUnknown ? nil : shown(sides.after, sides.afterSensitive, &leaf.isCut)
        }
        if leaf.isCut { isCut = true }
        add(path, .leaf(leaf))
    }

    /// What may leave this machine of a value.
    private func shown(_ value: JSONValue?, _ sensitivity: Sensitivity, _ isCut: inout Bool) -> JSONValue? {
        guard let value else { return nil }
        // Masked before it is shortened: the beginning of a secret would not be recognized.
        let masked = masker.mask(sensitivity.redacted(value).cut(below: Self.wholeDepth))
        if case .string(let text) = masked {
            let short = text.shortened(toBytes: PlanChangeLimits.valueBytes)
            if short != text { isCut = true }
            return .string(short)
        }
        guard masked.bytes.count <= PlanChangeLimits.valueBytes else {
            isCut = true
            return JobMetadata.tooLarge
        }
        return masked
    }

    private mutating func add(_ path: AttributePath, _ content: Row.Content) {
        rows.append(Row(path: path, content: content))
    }
}

extension AttributeDiff.Row {
    var leaf: AttributeDiff.Leaf? {
        if case .leaf(let leaf) = content { leaf } else { nil }
    }
}

extension JSONValue? {
    fileprivate var isAbsent: Bool { self == nil || self == .some(.null) }

    fileprivate var members: [String: JSONValue] {
        if case .object(let members) = self { members } else { [:] }
    }

    fileprivate var items: [JSONValue] {
        if case .array(let items) = self { items } else { [] }
    }
}

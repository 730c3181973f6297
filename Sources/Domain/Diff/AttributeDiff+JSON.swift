/// A resource's attributes as Trellis stores them and the API gives them.
extension AttributeDiff {
    package struct Encoded: Sendable {
        /// `diff`: the leaves. `outline`: the rows of containers, each with how many leaves stand before it.
        package var members: [String: JSONValue]
        package var bytes: Int
        /// Names of top-level attributes that change, without repetition; at most ``nameLimit``.
        package var attributes: [String]
        package var isCut: Bool
    }

    static let nameLimit = 8

    /// - Parameter budget: encoded bytes. Leaves that change come first; of both kinds, the first ones.
    package func encoded(budget: Int) -> Encoded {
        var left = budget
        var kept: [Int: JSONValue] = [:]
        var isCut = isCut
        var same = 0
        for wantsSame in [false, true] {
            for (index, row) in rows.enumerated() {
                guard let leaf = row.leaf, (leaf.change == .same) == wantsSame else { continue }
                if wantsSame { same += 1 }
                let value = json(leaf, at: row.path)
                let size = value.bytes.count + 1
                guard size <= left else {
                    // What is the same is only context.
                    if !wantsSame { isCut = true }
                    continue
                }
                left -= size
                kept[index] = value
            }
        }
        var diff: [JSONValue] = []
        var outline: [JSONValue] = []
        let isShown = shownHeadings(kept)
        for (index, row) in rows.enumerated() {
            if let leaf = kept[index] {
                diff.append(leaf)
            } else if case .heading(let heading) = row.content, isShown.contains(index) {
                let value = json(heading, at: row.path, before: diff.count)
                left -= value.bytes.count + 1
                outline.append(value)
            }
        }
        let members: [String: JSONValue] = [
            "diff": .array(diff), "outline": .array(outline), "unchanged": .integer(Int64(same)),
        ]
        return Encoded(members: members, bytes: budget - left, attributes: changedNames, isCut: isCut)
    }

    /// Headings with a kept leaf below them: the next kept row is deeper.
    private func shownHeadings(_ kept: [Int: JSONValue]) -> Set<Int> {
        var shown: Set<Int> = []
        var next = 0
        for (index, row) in rows.enumerated().reversed() {
            let depth = row.path.steps.count
            if row.leaf != nil {
                if kept[index] != nil { next = depth }
            } else if next > depth {
                shown.insert(index)
                next = depth
            }
        }
        return shown
    }

    private var changedNames: [String] {
        var names: [String] = []
        for row in rows {
            guard let leaf = row.leaf, leaf.change != .same, case .name(let name) = row.path.steps.first else {
                continue
            }
            let shown = masker.mask(name).shortened(toBytes: 200)
            if !names.contains(shown) { names.append(shown) }
            if names.count == Self.nameLimit { break }
        }
        return names
    }

    private func place(_ path: AttributePath) -> [String: JSONValue] {
        [
            "path": .string(masker.mask(path.text).shortened(toBytes: PlanChangeLimits.nameBytes)),
            "key": .string(masker.mask(path.label).shortened(toBytes: PlanChangeLimits.nameBytes)),
            "depth": .integer(Int64(path.steps.count)),
        ]
    }

    private func json(_ leaf: Leaf, at path: AttributePath) -> JSONValue {
        var members = place(path)
        members["action"] = .string(leaf.change.rawValue)
        members["before"] = leaf.before
        members["after"] = leaf.after
        members["sensitive"] = .bool(leaf.isSensitive)
        members["unknown"] = .bool(leaf.isUnknown)
        if leaf.isForcing { members["forces"] = true }
        if leaf.isWriteOnly { members["write_only"] = true }
        if leaf.isCut { members["cut"] = true }
        return .object(members)
    }

    private func json(_ heading: Heading, at path: AttributePath, before count: Int) -> JSONValue {
        var members = place(path)
        members["at"] = .integer(Int64(count))
        members["kind"] = .string(heading.kind.rawValue)
        members["action"] = .string(heading.change.rawValue)
        return .object(members)
    }
}

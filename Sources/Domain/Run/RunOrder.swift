/// The addresses of one block's instances, and what they wait for.
struct RunOrder {
    /// Indices of items, by group.
    let members: [[Int]]
    /// Groups that come before each group: what it depends on, or, if it is destroyed, what depends on it.
    let before: [[Int]]
    private(set) var groupByItem: [Int: Int] = [:]

    init(_ graph: RunGraph, _ items: [RunTimeline.Item]) {
        let indices = Dictionary(
            items.enumerated().map { ($1.address, $0) }, uniquingKeysWith: { first, _ in first })
        let indexRange = graph.groups.indices
        var members = Array(repeating: [Int](), count: graph.groups.count)
        var before = members
        var deletes = Array(repeating: 0, count: graph.groups.count)
        for node in graph.nodes where indexRange.contains(node.group) {
            if let index = indices[node.address], groupByItem.updateValue(node.group, forKey: index) == nil {
                members[node.group].append(index)
            }
            if node.action == .delete { deletes[node.group] += 1 }
        }
        // A block whose instances are all destroyed takes its turn in the opposite order.
        let isDestroyed = indexRange.map { deletes[$0] > 0 && deletes[$0] == members[$0].count }
        for (group, dependencies) in graph.dependencies.enumerated() where indexRange.contains(group) {
            for dependency in dependencies where indexRange.contains(dependency) {
                if isDestroyed[dependency] {
                    // It may go only after what uses it has gone, or no longer uses it.
                    before[dependency].append(group)
                } else if !isDestroyed[group] {
                    before[group].append(dependency)
                }
            }
        }
        self.members = members
        self.before = before
    }

    func unfinished(before node: RunGraph.Node, _ items: [RunTimeline.Item]) -> [String] {
        var found: [String] = []
        guard before.indices.contains(node.group) else { return [] }
        for group in before[node.group] {
            for index in members[group] where items[index].state != .done {
                guard items[index].address != node.address else { continue }
                found.append(items[index].address)
                if found.count == RunTimeline.maximumWaits { return found }
            }
        }
        return found
    }

    /// The chain of items that ends last: each one is the last that the next one waited for.
    ///
    /// While something is unfinished, it is the chain of what is still to come that is longest in number, begun by the item
    /// that runs longest already.
    func criticalPath(_ items: [RunTimeline.Item]) -> [Int] {
        guard let last = lastItem(items) else { return [] }
        var path = [last]
        var group = groupByItem[last]
        var visited: Set<Int> = []
        while let current = group, visited.insert(current).inserted {
            let earlier = before[current].flatMap { members[$0] }
            guard let next = latest(of: earlier, items) else { break }
            path.append(next)
            group = groupByItem[next]
        }
        return path
    }

    /// The item that ends last, or would: of the unfinished ones, the one with the longest chain before it.
    private func lastItem(_ items: [RunTimeline.Item]) -> Int? {
        let open = members.enumerated().flatMap { group, indices in
            indices.filter { items[$0].isUnfinished }.map { (group, $0) }
        }
        guard !open.isEmpty else { return latest(of: members.flatMap(\.self), items) }
        var depths: [Int: Int] = [:]
        func depth(_ group: Int, _ level: Int) -> Int {
            if let known = depths[group] { return known }
            // A cycle, which no engine plans, ends here; so does a chain that is longer than the stack is deep.
            guard level < 1000 else { return 0 }
            depths[group] = 0
            let isOpen = members[group].contains { items[$0].isUnfinished }
            let most = before[group].map { depth($0, level + 1) }.max() ?? 0
            let result = most + (isOpen ? 1 : 0)
            depths[group] = result
            return result
        }
        // Of equally long ones, the one that began first.
        return open.map { (rank: depth($0.0, 0), order: items[$0.1].order, index: $0.1) }
            .max { $0.rank == $1.rank ? $0.order > $1.order : $0.rank < $1.rank }?.index
    }

    private func latest(of indices: [Int], _ items: [RunTimeline.Item]) -> Int? {
        indices.filter { items[$0].startedAt != nil || items[$0].isUnfinished }.max {
            items[$0].end < items[$1].end
        }
    }
}

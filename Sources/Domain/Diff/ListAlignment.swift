/// Which elements of two lists belong together: what both have in the same order stays (the longest common
/// subsequence), the rest was removed or inserted.
enum ListAlignment {
    enum Step: Hashable {
        /// The same on both sides, or two containers of which one became the other.
        case pair(before: Int, after: Int)
        case removed(Int)
        case inserted(Int)
    }

    /// Cells of the table; beyond it, elements are compared by their index.
    static let tableLimit = 250_000

    /// - Parameter isUnknown: whether something in the element `after[index]` is not known yet.
    static func steps(_ before: [JSONValue], _ after: [JSONValue], isUnknown: (Int) -> Bool) -> [Step] {
        var numbers: [JSONValue: Int] = [:]
        func number(_ value: JSONValue) -> Int {
            if let known = numbers[value] { return known }
            numbers[value] = numbers.count
            return numbers.count - 1
        }
        let old = before.map(number)
        // What is not known equals nothing.
        let new = after.indices.map { isUnknown($0) ? -1 - $0 : number(after[$0]) }
        let shorter = min(old.count, new.count)
        var start = 0
        while start < shorter, old[start] == new[start] { start += 1 }
        var tail = 0
        while tail < shorter - start, old[old.count - 1 - tail] == new[new.count - 1 - tail] { tail += 1 }
        let (oldEnd, newEnd) = (old.count - tail, new.count - tail)

        var steps = (0..<start).map { Step.pair(before: $0, after: $0) }
        var (i, j) = (start, start)
        for (oldIndex, newIndex) in common(old[start..<oldEnd], new[start..<newEnd]) + [(oldEnd, newEnd)] {
            // Containers of the same kind, and what becomes unknown, are pairs; everything else was removed or inserted.
            while i < oldIndex, j < newIndex, isUnknown(j) || isSameKind(before[i], after[j]) {
                steps.append(.pair(before: i, after: j))
                (i, j) = (i + 1, j + 1)
            }
            steps += (i..<oldIndex).map { .removed($0) }
            steps += (j..<newIndex).map { .inserted($0) }
            if oldIndex < oldEnd { steps.append(.pair(before: oldIndex, after: newIndex)) }
            (i, j) = (oldIndex + 1, newIndex + 1)
        }
        steps += (0..<tail).map { .pair(before: oldEnd + $0, after: newEnd + $0) }
        return steps
    }

    private static func isSameKind(_ one: JSONValue, _ other: JSONValue) -> Bool {
        switch (one, other) {
        case (.object, .object), (.array, .array): true
        default: false
        }
    }

    /// Index pairs of a longest common subsequence.
    private static func common(_ old: ArraySlice<Int>, _ new: ArraySlice<Int>) -> [(Int, Int)] {
        guard !old.isEmpty, !new.isEmpty, old.count * new.count <= tableLimit else { return [] }
        let width = new.count + 1
        var table = [Int32](repeating: 0, count: (old.count + 1) * width)
        for i in stride(from: old.count - 1, through: 0, by: -1) {
            for j in stride(from: new.count - 1, through: 0, by: -1) {
                let isSame = old[old.startIndex + i] == new[new.startIndex + j]
                table[i * width + j] =
                    isSame
                    ? table[(i + 1) * width + j + 1] + 1 : max(table[(i + 1) * width + j], table[i * width + j + 1])
            }
        }
        var (i, j) = (0, 0)
        var pairs: [(Int, Int)] = []
        while i < old.count, j < new.count {
            if old[old.startIndex + i] == new[new.startIndex + j] {
                pairs.append((old.startIndex + i, new.startIndex + j))
                (i, j) = (i + 1, j + 1)
            } else if table[(i + 1) * width + j] >= table[i * width + j + 1] {
                i += 1
            } else {
                j += 1
            }
        }
        return pairs
    }
}

package import Domain

/// A position in a list ordered by creation time, then ID, newest first.
package struct PageCursor: Hashable, Sendable {
    package var createdAt: Timestamp
    package var id: String

    package init(createdAt: Timestamp, id: String) {
        self.createdAt = createdAt
        self.id = id
    }

    /// Reads ``text`` back. - Throws: ``Refusal`` `.invalid` for anything else.
    package init(_ text: String) throws(Refusal) {
        let parts = text.split(separator: "_", omittingEmptySubsequences: false)
        guard parts.count == 2, let milliseconds = Int64(parts[0]), String(milliseconds) == parts[0],
            let id = Identifier<Never>(String(parts[1])), id.rawValue == parts[1]
        else { throw .badCursor() }
        self.init(createdAt: Timestamp(milliseconds: milliseconds), id: id.rawValue)
    }

    /// What callers carry; opaque to them.
    package var text: String { "\(createdAt.milliseconds)_\(id)" }
}

/// How many items a page may have; the requested size, clamped.
package enum PageLimit {
    package static func clamped(_ wish: Int) -> Int { min(max(wish, 1), 1000) }
}

extension Page {
    /// The page that `found` makes, which was asked for with one item more than `limit` to see whether any is left.
    package init(_ found: [Item], limit: Int, cursor: (Item) -> PageCursor) {
        let items = Array(found.prefix(limit))
        self.init(items: items, next: found.count > limit ? items.last.map { cursor($0).text } : nil)
    }
}

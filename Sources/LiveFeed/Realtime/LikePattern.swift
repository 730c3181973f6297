internal import Foundation

/// SQL's LIKE: `%` for any text, `_` for one character, `\` before one that is meant as it is. (`*` stands for `%`, as
/// in PostgREST.)
///
/// Matching takes at most text × pattern steps, whatever the pattern.
struct LikePattern: Hashable, Sendable {
    private enum Part: Hashable, Sendable { case any, one, exactly(Character) }

    private var parts: [Part] = []
    private var ignoresCase: Bool

    init(_ text: String, ignoresCase: Bool) {
        self.ignoresCase = ignoresCase
        var characters = (ignoresCase ? text.lowercased() : text).makeIterator()
        while let character = characters.next() {
            switch character {
            case "%", "*": if parts.last != .any { parts.append(.any) }
            case "_": parts.append(.one)
            case "\\": parts.append(.exactly(characters.next() ?? "\\"))
            default: parts.append(.exactly(character))
            }
        }
    }

    func matches(_ text: String) -> Bool {
        let text = Array(ignoresCase ? text.lowercased() : text)
        var (at, part) = (0, 0)
        // Where to try again with one character more for the last `%`.
        var retry: (at: Int, part: Int)?
        while at < text.count {
            if part < parts.count, parts[part] == .any {
                part += 1
                retry = (at, part)
            } else if part < parts.count, parts[part] == .one || parts[part] == .exactly(text[at]) {
                (at, part) = (at + 1, part + 1)
            } else if let last = retry {
                retry = (last.at + 1, last.part)
                (at, part) = (last.at + 1, last.part)
            } else {
                return false
            }
        }
        return parts[part...].allSatisfy { $0 == .any }
    }
}

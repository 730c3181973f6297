import Domain

/// Paths that come from outside, checked before they are joined to one of ours.
enum SafePath {
    struct Violation: Error, Hashable, CustomStringConvertible {
        var path: String
        var reason: String

        var description: String { "The path \"\(path)\" \(reason)." }
    }

    /// The components of a relative path that stays below the folder it is joined to.
    ///
    /// - Throws: ``Violation`` for an absolute path, one with an empty, `.` or `..` component, or control characters.
    static func components(_ path: String) throws(Violation) -> [String] {
        guard !path.isEmpty, path.utf8.count <= 1024 else {
            throw Violation(path: path.shortened(toBytes: 80), reason: "is empty or too long")
        }
        guard !path.hasPrefix("/") else { throw Violation(path: path, reason: "is absolute") }
        guard path.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7f }) else {
            throw Violation(
                path: String(path.unicodeScalars.filter { $0.value >= 0x20 }), reason: "has control characters")
        }
        let components = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        for component in components {
            guard !component.isEmpty, component != ".", component != ".." else {
                throw Violation(path: path, reason: "has an empty, \".\" or \"..\" component")
            }
            guard component.utf8.count <= 255 else {
                throw Violation(path: path, reason: "has a name that is too long")
            }
        }
        return components
    }

    /// Resolves a link in `folder` with target `target`, without disk access: the components below the root,
    /// or nil if it leaves the root. Both are relative to the root.
    static func resolve(link target: String, in folder: [String]) -> [String]? {
        guard !target.hasPrefix("/") else { return nil }
        var place = folder
        for component in target.split(separator: "/") where component != "." {
            if component == ".." {
                guard place.popLast() != nil else { return nil }
            } else {
                place.append(String(component))
            }
        }
        return place
    }
}

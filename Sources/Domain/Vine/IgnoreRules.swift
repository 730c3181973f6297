/// What a `.terraformignore` file leaves out, by Terraform's own rules.
///
/// One pattern a line; `#` begins a comment, `!` takes back what an earlier line left out, and the last line that
/// matches decides. `*` and `?` stop at a slash, `**` does not; a pattern that ends in a slash means everything below
/// that folder, and one that begins with a slash counts from the top. Unlike in `.gitignore`, a folder's name without a
/// slash at its end does not match what is in the folder.
public struct IgnoreRules: Sendable {
    public static let fileName = ".terraformignore"

    private struct Rule: Sendable {
        var tokens: [Token]
        var takesBack: Bool
    }

    private enum Token: Sendable {
        case one(Unicode.Scalar)
        case anyOne
        case anyInName
        case anything
        /// Any number of folders: `**/`.
        case folders
        case oneOf([ClosedRange<Unicode.Scalar>], isNegated: Bool)
    }

    private var rules: [Rule]

    /// The rules that hold without a file: `.git/` and `.terraform/` are left out, but not `.terraform/modules/`.
    public static let standard = IgnoreRules("")

    public init(_ text: String) {
        rules = [".git/", ".terraform/", "!.terraform/modules/"].compactMap(Self.rule)
        rules += text.split(whereSeparator: \.isNewline).compactMap { Self.rule(String($0)) }
    }

    /// True if the file at `path`, relative to the folder of the ignore file, is left out.
    public func excludes(_ path: String) -> Bool {
        let path = Array(path.unicodeScalars)
        return rules.last { Self.matches($0.tokens, path) }.map { !$0.takesBack } ?? false
    }

    /// True if everything below the folder is left out, so it need not be read.
    public func excludesAll(below folder: String) -> Bool {
        let path = Array((folder + "/").unicodeScalars)
        guard let last = rules.lastIndex(where: { Self.matches($0.tokens, path) }), !rules[last].takesBack,
            case .anything = rules[last].tokens.last
        else { return false }
        return !rules[last...].contains(where: \.takesBack)
    }

    // MARK: - Patterns

    private static func rule(_ line: String) -> Rule? {
        var pattern = Substring(line).drop(while: \.isWhitespace)
        while pattern.last?.isWhitespace == true { pattern.removeLast() }
        guard !pattern.isEmpty, pattern.first != "#" else { return nil }
        let takesBack = pattern.first == "!"
        if takesBack { pattern.removeFirst() }
        guard !pattern.isEmpty else { return nil }
        var text = String(pattern)
        if text.hasSuffix("/") { text += "**" }
        text = text.hasPrefix("/") ? String(text.dropFirst()) : "**/" + text
        return Rule(tokens: tokens(of: Array(text.unicodeScalars)), takesBack: takesBack)
    }

    private static func tokens(of text: [Unicode.Scalar]) -> [Token] {
        var tokens: [Token] = []
        var at = 0
        while at < text.count {
            let scalar = text[at]
            at += 1
            switch scalar {
            case "*" where at < text.count && text[at] == "*":
                at += 1
                if at < text.count, text[at] == "/" { at += 1 }
                tokens.append(at == text.count ? .anything : .folders)
            case "*": tokens.append(.anyInName)
            case "?": tokens.append(.anyOne)
            case "\\" where at < text.count:
                tokens.append(.one(text[at]))
                at += 1
            case "[":
                if let (token, end) = characterClass(text, from: at) {
                    tokens.append(token)
                    at = end
                } else {
                    tokens.append(.one(scalar))
                }
            default: tokens.append(.one(scalar))
            }
        }
        return tokens
    }

    /// `[a-z_]`, from after its bracket; nil if no bracket closes it.
    private static func characterClass(_ text: [Unicode.Scalar], from start: Int) -> (Token, Int)? {
        var at = start
        let isNegated = at < text.count && text[at] == "^"
        if isNegated { at += 1 }
        var ranges: [ClosedRange<Unicode.Scalar>] = []
        while at < text.count, text[at] != "]" || ranges.isEmpty {
            let low = text[at]
            if at + 2 < text.count, text[at + 1] == "-", text[at + 2] != "]", low <= text[at + 2] {
                ranges.append(low...text[at + 2])
                at += 3
            } else {
                ranges.append(low...low)
                at += 1
            }
        }
        return at < text.count ? (.oneOf(ranges, isNegated: isNegated), at + 1) : nil
    }

    /// Token by token: which places of the path can be reached. Takes tokens × scalars steps, whatever the pattern is.
    private static func matches(_ tokens: [Token], _ path: [Unicode.Scalar]) -> Bool {
        var reached = [Bool](repeating: false, count: path.count + 1)
        reached[0] = true
        for token in tokens {
            var next = [Bool](repeating: false, count: path.count + 1)
            var hasBegun = false
            for at in 0...path.count {
                let before = at > 0 ? path[at - 1] : nil
                switch token {
                case .one(let scalar): next[at] = at > 0 && reached[at - 1] && before == scalar
                case .anyOne: next[at] = at > 0 && reached[at - 1] && before != "/"
                case .anyInName: next[at] = reached[at] || (at > 0 && next[at - 1] && before != "/")
                case .oneOf(let ranges, let isNegated):
                    guard let before, reached[at - 1] else { continue }
                    next[at] = ranges.contains { $0.contains(before) } != isNegated
                case .anything:
                    hasBegun = hasBegun || reached[at]
                    next[at] = hasBegun
                case .folders:
                    next[at] = reached[at] || (hasBegun && before == "/")
                    hasBegun = hasBegun || reached[at]
                }
            }
            reached = next
        }
        return reached[path.count]
    }
}

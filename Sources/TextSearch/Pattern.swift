internal import CPCRE2

/// Plain text or a regular expression (PCRE2 syntax), JIT-compiled if possible.
///
/// Work is bounded: a pattern that backtracks without end stops with ``SearchError/tooMuchWork`` instead.
/// Not `Sendable`: one search uses one.
public final class Pattern {
    /// What is looked for, and how.
    public struct Query: Hashable, Sendable {
        public var text: String
        public var isRegex: Bool
        public var matchesCase: Bool

        public init(text: String, isRegex: Bool = false, matchesCase: Bool = false) {
            self.text = text
            self.isRegex = isRegex
            self.matchesCase = matchesCase
        }
    }

    private let isRegex: Bool
    private let code: OpaquePointer
    private let data: OpaquePointer
    private let context: OpaquePointer
    private let stack: OpaquePointer?

    /// It may look beyond its line, so lines are matched one by one.
    let looksAround: Bool

    /// Steps of backtracking on one line.
    private static let matchLimit: UInt32 = 500_000
    /// An expression is tried at so many places before the clock is looked at: each try may read the whole text.
    private static let window = 1024
    private static let stackBytes = 512 << 10

    /// - Throws: ``SearchError/invalid(_:)`` with PCRE2's message for an invalid pattern.
    public init(_ query: Query) throws(SearchError) {
        var options = PCRE2_UTF | PCRE2_NO_UTF_CHECK | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C
        if query.isRegex { options |= PCRE2_USE_OFFSET_LIMIT }
        if !query.isRegex { options = PCRE2_UTF | PCRE2_NO_UTF_CHECK | PCRE2_LITERAL }
        if !query.matchesCase { options |= UInt32(PCRE2_CASELESS) }
        var error: Int32 = 0
        var offset = 0
        let compiled = Array(query.text.utf8).withUnsafeBufferPointer { text in
            pcre2_compile_8(text.baseAddress, text.count, options, &error, &offset, nil)
        }
        guard let compiled else { throw .invalid(Self.sentence(error, offset)) }
        isRegex = query.isRegex
        code = compiled
        pcre2_jit_compile_8(code, PCRE2_JIT_COMPLETE)
        data = pcre2_match_data_create_8(1, nil)
        context = pcre2_match_context_create_8(nil)
        stack = pcre2_jit_stack_create_8(32 << 10, Self.stackBytes, nil)
        pcre2_set_match_limit_8(context, Self.matchLimit)
        pcre2_set_heap_limit_8(context, UInt32(Self.stackBytes >> 10))
        if let stack { pcre2_jit_stack_assign_8(context, nil, UnsafeMutableRawPointer(stack)) }
        looksAround = query.isRegex && ["(?<", "(*", "\\A", "\\z", "\\Z", "\\G"].contains { query.text.contains($0) }
    }

    deinit {
        pcre2_match_data_free_8(data)
        pcre2_match_context_free_8(context)
        if let stack { pcre2_jit_stack_free_8(stack) }
        pcre2_code_free_8(code)
    }

    /// The first hit in `text` that begins at `start` or after it; nil if there is none.
    ///
    /// - Throws: ``SearchError/tooMuchWork`` once `deadline` is over.
    func first(
        in text: UnsafeBufferPointer<UInt8>, from start: Int, until deadline: ContinuousClock.Instant
    ) throws(SearchError) -> Range<Int>? {
        guard isRegex else { return try match(text, from: start) }
        var start = start
        while true {
            guard ContinuousClock.now < deadline else { throw .tooMuchWork }
            var end = min(start + Self.window, text.count)
            // A try begins with a character.
            while end < text.count, text[end] & 0xc0 == 0x80 { end += 1 }
            pcre2_set_offset_limit_8(context, end)
            if let found = try match(text, from: start) { return found }
            guard end < text.count else { return nil }
            start = end
        }
    }

    private func match(_ text: UnsafeBufferPointer<UInt8>, from start: Int) throws(SearchError) -> Range<Int>? {
        let result = pcre2_match_8(code, text.baseAddress, text.count, start, PCRE2_NO_UTF_CHECK, data, context)
        guard result >= 0 else {
            guard result == PCRE2_ERROR_NOMATCH else { throw .tooMuchWork }
            return nil
        }
        let bounds = pcre2_get_ovector_pointer_8(data)
        guard let bounds, bounds[0] <= bounds[1] else { return nil }
        return bounds[0]..<bounds[1]
    }

    private static func sentence(_ error: Int32, _ offset: Int) -> String {
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = pcre2_get_error_message_8(error, &buffer, buffer.count)
        let message = count > 0 ? String(decoding: buffer.prefix(Int(count)), as: UTF8.self) : "it can't be read"
        return "Invalid regular expression: \(message) (at character \(offset + 1))."
    }
}

/// Why a search ended early.
public enum SearchError: Error, Hashable, Sendable {
    /// The pattern is invalid; a message for its author.
    case invalid(String)
    /// The pattern backtracks too much on one line.
    case tooMuchWork
}

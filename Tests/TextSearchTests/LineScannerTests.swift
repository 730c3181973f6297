import Testing
import TextSearch

@Suite struct LineScannerTests {
    /// Hits as "line:column+length", in bytes.
    private func hits(_ text: String, _ query: Pattern.Query) throws -> [String] {
        let scanner = LineScanner(try Pattern(query))
        var found: [String] = []
        try Array(text.utf8).withUnsafeBufferPointer { bytes in
            try scanner.scan(bytes, until: .now + .seconds(60)) { hit in
                found.append("\(hit.line):\(hit.range.lowerBound - hit.lineStart)+\(hit.range.count)")
                return true
            }
        }
        return found
    }

    private func regex(_ text: String) -> Pattern.Query { .init(text: text, isRegex: true, matchesCase: true) }

    private let text = "alpha beta\nBeta\n\ngamma (a.b)* ü\nbetabeta\n"

    @Test func findsLiteralText() throws {
        #expect(try hits(text, .init(text: "beta")) == ["0:6+4", "1:0+4", "4:0+4", "4:4+4"])
        #expect(try hits(text, .init(text: "beta", matchesCase: true)) == ["0:6+4", "4:0+4", "4:4+4"])
        #expect(try hits(text, .init(text: "(a.b)*")) == ["3:6+6"])
        #expect(try hits(text, .init(text: "Ü")) == ["3:13+2"])
        #expect(try hits(text, .init(text: "delta")).isEmpty)
        #expect(try hits("", .init(text: "x")).isEmpty)
        #expect(try hits("no feed at the end", .init(text: "end")) == ["0:15+3"])
    }

    @Test(arguments: [
        ("^beta", ["4:0+4"]), ("beta$", ["0:6+4", "4:4+4"]), ("b.ta", ["0:6+4", "4:0+4", "4:4+4"]),
        ("^$", []), ("x*", []),
        ("a*", ["0:0+1", "0:4+1", "0:9+1", "1:3+1", "3:1+1", "3:4+1", "3:7+1", "4:3+1", "4:7+1"]),
        ("\\w+", ["0:0+5", "0:6+4", "1:0+4", "3:0+5", "3:7+1", "3:9+1", "4:0+8"]),
        ("(?i)BETA", ["0:6+4", "1:0+4", "4:0+4", "4:4+4"]), ("ü", ["3:13+2"]),
        (".$", ["0:9+1", "1:3+1", "3:13+2", "4:7+1"]),
        ("\\Abeta", ["4:0+4"]), ("beta\\z", ["0:6+4", "4:4+4"]), ("(?<!\\s)Beta", ["1:0+4"]), ("(?<=beta)b", ["4:4+1"]),
    ])
    func expressionsAreTriedOnEachLine(pattern: String, expected: [String]) throws {
        #expect(try hits(text, regex(pattern)) == expected)
    }

    @Test(arguments: ["beta\\s+Beta", "[^x]+", "(?s)beta.*", "a\\nB", "\\s+"])
    func noHitGoesBeyondItsLine(pattern: String) throws {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        var alone: [String] = []
        for (index, line) in lines.enumerated() {
            alone += try hits(line, regex(pattern)).map { "\(index)" + $0.dropFirst() }
        }
        #expect(try hits(text, regex(pattern)) == alone)
    }

    @Test func reportsInvalidPattern() {
        for pattern in ["(", "[a", "*", "a{2,1}", "(?<n>a)(?<n>b)", "\\C"] {
            let error = #expect(throws: SearchError.self) { try Pattern(.init(text: pattern, isRegex: true)) }
            guard case .invalid(let sentence) = error else {
                Issue.record("\(pattern) is no pattern")
                continue
            }
            #expect(sentence.hasPrefix("Invalid regular expression: ") && sentence.contains("at character"))
        }
    }

    @Test func stopsExpensivePattern() {
        #expect(throws: SearchError.tooMuchWork) {
            try hits(String(repeating: "a", count: 200) + "!\n", regex("(a+)+$"))
        }
    }

    @Test func stopsWhenAsked() throws {
        var seen = 0
        try Array("x\nx\nx\n".utf8).withUnsafeBufferPointer { bytes in
            try LineScanner(try Pattern(.init(text: "x"))).scan(bytes, until: .now + .seconds(60)) { _ in
                seen += 1
                return seen < 2
            }
        }
        #expect(seen == 2)
    }

    /// Expressions are tried window by window; nothing is lost where two of them meet, inside a character or not.
    @Test(arguments: [1020, 1021, 1022, 1023, 1024, 1025, 2047, 2048])
    func hitsAtTheEdgesOfAWindowAreFound(before: Int) throws {
        let filler = String(repeating: "üö", count: before / 4) + String(repeating: ".", count: before % 4)
        let text = filler + "needle äb\n"
        let byte = filler.utf8.count
        #expect(try hits(text, regex("needle")) == ["0:\(byte)+6"])
        #expect(try hits(text, regex("(?<=needle )ä.")) == ["0:\(byte + 7)+3"])
        #expect(try hits(text, regex("^.*needle")) == ["0:0+\(byte + 6)"])
    }

    @Test func aScanEndsAtItsDeadline() throws {
        let scanner = LineScanner(try Pattern(regex("x")))
        Array("x\nx\n".utf8).withUnsafeBufferPointer { bytes in
            _ = #expect(throws: SearchError.tooMuchWork) { try scanner.scan(bytes, until: .now) { _ in true } }
        }
    }
}

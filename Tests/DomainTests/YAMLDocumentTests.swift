import Testing

@testable import Domain

@Suite struct YAMLDocumentTests {
    private func parse(_ text: String, depth: Int = 32) -> JSONValue? { YAMLDocument.parse(text, maxDepth: depth) }

    @Test func aFileOfCloudInit() {
        let text = """
            #cloud-config
            # Comments say nothing.
            package_update: true   # nor here
            packages:
            - nginx
            - "jq: 1"
            - 'it''s'
            runcmd:
              - [systemctl, restart, "nginx"]
              - echo "a#b"
            write_files:
              - path: /etc/motd
                permissions: '0644'
                content: |
                  Hello: world
                    # kept

                  end

              - path: /b
                content: >-
                  one
                  two
            empty:
            number: 12
            octal: 0644
            url: http://x.y:80/z
            map: {a: 1, "b": [x, {c: null}]}
            """
        #expect(
            parse(text) == [
                "package_update": true, "packages": ["nginx", "jq: 1", "it's"],
                "runcmd": [["systemctl", "restart", "nginx"], #"echo "a#b""#],
                "write_files": [
                    ["path": "/etc/motd", "permissions": "0644", "content": "Hello: world\n  # kept\n\nend\n"],
                    ["path": "/b", "content": "one two"],
                ], "empty": .null, "number": 12, "octal": "0644", "url": "http://x.y:80/z",
                "map": ["a": 1, "b": ["x", ["c": .null]]],
            ])
    }

    @Test func sequencesInSequencesAndAtTheTop() {
        #expect(parse("---\n- a\n- - b\n  - c\n-\n  d: 1\n  e:\n  - 2\n") == ["a", ["b", "c"], ["d": 1, "e": [2]]])
        #expect(parse("a:\r\n  b: 1\r\n") == ["a": ["b": 1]])
        #expect(parse("\"a b\": 1\n'c': 2\n") == ["a b": 1, "c": 2])
    }

    @Test(arguments: [
        "", "a: 1", "plain\ntext", "a: &x 1\nb: *x\n", "a: *x\nb: 1\n", "a: !t 1\nb: 2\n", "<<: {a: 1}\nb: 2\n",
        "a: 1\na: 2\n", "a: 1\n---\nb: 2\n", "a: 1\n...\n", "%YAML 1.2\n---\na: 1\nb: 2\n", "a: one\n  two\nb: 1\n",
        "a: \"open\nb: 1\n", "a: [1\nb: 2\n", "a: {b: 1, b: 2}\nc: 1\n", "a:\n\t- 1\nb: 2\n", "? a\n: b\n",
        "#!/bin/sh\na: 1\nb: 2\n", "a: b: c\nd: 1\n", "a: >\n  x\n    y\nb: 1\n", "a: |2\n   x\nb: 1\n", "- a\nb: 1\n",
        "a: 1\n b: 2\n", "a: [x]y\nb: 1\n", "a: \"x\" y\nb: 1\n", "a: @x\nb: 1\n",
    ])
    func whatIsNotRead(_ text: String) { #expect(parse(text) == nil) }

    @Test func depthIsBounded() {
        func nested(_ levels: Int) -> String {
            (0..<levels).map { String(repeating: " ", count: $0) + "k:\n" }.joined()
                + String(repeating: " ", count: levels) + "k: 1\n"
        }
        #expect(parse(nested(31)) != nil && parse(nested(32)) == nil)
        #expect(parse("a: " + String(repeating: "[", count: 100_000) + "\nb: 1\n") == nil)
        #expect(parse(String(repeating: "- ", count: 100_000) + "a\n- b\n") == nil)
    }

    /// Whatever a text is, it is read or not.
    @Test func damagedTextsAreReadOrNot() {
        let text = "a:\n  - b: |\n      x\n    c: [1, \"2\"]\n  - 'd'\ne: {f: g}\n"
        var random = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            var bytes = Array(text.utf8)
            for _ in 0..<3 {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] =
                    Array(" \n:-[]{}'\"|>#,a\t".utf8).randomElement() ?? 0
            }
            _ = parse(String(decoding: bytes, as: UTF8.self))
        }
    }
}

import Domain
import Testing

@Suite struct IgnoreRulesTests {
    private let rules = IgnoreRules(
        """
        # a comment

          *.zip
        !keep.zip
        dist/
        /docs/*.md
        logs/**/raw-?.txt
        tmp
        [a-c]x.tf
        name\\*
        """)

    @Test(arguments: [
        "a.zip", "deep/er/b.zip", "dist/x", "a/dist/y/z", "docs/intro.md", "logs/raw-1.txt", "logs/a/b/raw-2.txt",
        "tmp",
        "a/tmp", "bx.tf", "a/name*", ".git/config", "modules/.git/HEAD", ".terraform/providers/x", "a/.terraform/y",
    ])
    func leavesOut(path: String) { #expect(rules.excludes(path)) }

    @Test(arguments: [
        "keep.zip", "a/keep.zip", "dist", "a.zip.tf", "docs/a/b.md", "a/docs/intro.md", "logs/raw-10.txt", "tmp/file",
        "dx.tf", "name1", ".github/x", "main.tf", ".terraform/modules/modules.json", "zip", "# a comment",
    ])
    func keeps(path: String) { #expect(!rules.excludes(path)) }

    @Test func theLastRuleDecides() {
        let rules = IgnoreRules("a/\n!a/b/\na/b/c.txt")
        #expect(rules.excludes("a/x"))
        #expect(!rules.excludes("a/b/x"))
        #expect(rules.excludes("a/b/c.txt"))
    }

    @Test func aFolderIsPassedOverOnlyIfNothingInItIsTakenBack() {
        #expect(rules.excludesAll(below: "dist"))
        #expect(!rules.excludesAll(below: "tmp"))
        #expect(!IgnoreRules("a/\n!a/b/").excludesAll(below: "a"))
        #expect(IgnoreRules("!a/b/\na/").excludesAll(below: "a"))
        #expect(IgnoreRules.standard.excludesAll(below: "modules/.git") == false)
        #expect(IgnoreRules.standard.excludes("modules/.git/config"))
    }

    @Test(arguments: ["!", "  ", "#", "[", "[a", "\\", "***", "/", "!/"])
    func oddLinesAreNoTrouble(line: String) {
        #expect(!IgnoreRules(line).excludes("main.tf") || line.contains("*") || line == "/")
    }

    @Test func manyStarsTakeNoTime() {
        let rules = IgnoreRules(String(repeating: "*a", count: 200) + "b")
        #expect(!rules.excludes(String(repeating: "a", count: 2000)))
    }
}

@Suite struct VineSourceTests {
    @Test(arguments: [
        ("./envs/prod", "envs/prod"), ("envs/prod/", "envs/prod"), ("", nil), (".", nil), ("./", nil),
        ("a//b/./c", "a/b/c"), ("/etc", "/etc"), ("../x", "../x"),
    ])
    func pathsAreNormalized(written: String, stored: String?) {
        let git = VineSource.git(url: "https://h/x", ref: "main", path: written)
        #expect(git.normalized == .git(url: "https://h/x", ref: "main", path: stored))
        #expect(VineSource.inline(files: [:], path: written).normalized.path == stored)
    }

    @Test(arguments: [
        ("git@example.org:team/app.git", "ssh://git@example.org/team/app.git"),
        ("deploy@h:/srv/x", "ssh://deploy@h/srv/x"), ("https://h/a@b:c", "https://h/a@b:c"),
        ("ssh://git@h/x", "ssh://git@h/x"), ("h:x", "h:x"), ("ext::sh -c x@y:z", "ext::sh -c x@y:z"),
        ("u:p@h:x", "u:p@h:x"), ("-oProxyCommand=x@h:y", "-oProxyCommand=x@h:y"), ("@h:x", "@h:x"),
        ("git@h:", "git@h:"),
    ])
    func gitURLsAreNormalized(written: String, stored: String) {
        #expect(GitRules.normalizedURL(written) == stored)
    }

    @Test func sizesOfEncodedFiles() {
        for (text, size) in [("", 0), ("QQ==", 1), ("QUI=", 2), ("QUJD", 3), ("QUJDRA==", 4)] {
            let file = InlineFile(text, encoding: .base64)
            #expect(file.byteCount == size && file.isWellFormed, "\(text)")
        }
        #expect(InlineFile("ä").byteCount == 2)
    }

    @Test(arguments: ["Q", "QQ", "QQ=", "QQ===", "Q===", "QR==", "QUJ=", "QU JD", "QUJD\n", "====", "Q=Q=", "ä==="])
    func brokenBase64IsFound(text: String) {
        #expect(!InlineFile(text, encoding: .base64).isWellFormed)
    }
}

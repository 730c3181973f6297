import Domain
import Testing

@Suite struct VineRulesTests {
    let rules = VineRules(sourceBytes: 100, fileCount: 3, valueBytes: 64)

    func settings(
        files: [String: String] = ["main.tf": "x"], variables: [String: JSONValue] = [:],
        environment: [String: String] = [:]
    ) -> VineSettings {
        VineSettings(
            projectName: "orchard", environmentStage: "dev", variables: variables, environment: environment,
            source: .inline(texts: files))
    }

    @Test func anOrdinaryVinePasses() throws {
        try rules.check(
            settings(files: ["main.tf": "x", "modules/net/main.tf": "", "a b.tfvars": ""]),
            secrets: VineSecrets(variables: ["db_password": "hunter22"]))
    }

    @Test(arguments: [
        "", "/etc/passwd", "../x.tf", "a/../../x.tf", "a//b.tf", "./x.tf", "a/.", "-rf", "a/-x", "x\u{0}.tf", "a\\b.tf",
        "x\n.tf", ".terraform/providers/x", ".git/config", "terraform.tfstate", "é.tf",
        String(repeating: "a", count: 256),
    ])
    func tricksInFileNamesAreRefused(path: String) {
        #expect(throws: Refusal.self) { try rules.check(settings(files: [path: ""]), secrets: VineSecrets()) }
    }

    @Test(arguments: [
        ["README.md": "x"], ["modules/net/main.tf": "x"], ["main.tf": " \n\t\n", "README.md": "x"],
        ["main.tf.bak": "x"],
    ])
    func aSourceThatWantsNothingIsRefused(files: [String: String]) {
        let refusal = #expect(throws: Refusal.self) {
            try rules.check(settings(files: files), secrets: VineSecrets())
        }
        #expect(refusal?.kind == .invalid)
    }

    @Test func theConfigurationIsLookedForWhereTerraformRuns() throws {
        var settings = settings()
        settings.source = .inline(files: ["live/eu/main.tf.json": "{}", "net/main.tf": "x"], path: "live/eu")
        try rules.check(settings, secrets: VineSecrets())
        for path in ["live", "other", "net/", "../net", "/net", "./net"] {
            settings.source = .inline(files: ["live/eu/main.tf.json": "{}", "net/main.tf": "x"], path: path)
            #expect(throws: Refusal.self, "\(path)") { try rules.check(settings, secrets: VineSecrets()) }
        }
    }

    @Test func encodedFilesCountAsTheirBytes() throws {
        let bytes = String(repeating: "QUJD", count: 33)
        func check(_ encoded: String) throws {
            var settings = settings()
            settings.source = .inline(files: ["a.tf": "x", "b": InlineFile(encoded, encoding: .base64)])
            try rules.check(settings, secrets: VineSecrets())
        }
        try check(bytes)
        #expect(throws: Refusal.self) { try check(bytes + "QQ==") }
        #expect(throws: Refusal.self) { try check("QQ") }
    }

    @Test func aFileCannotBeAFolderToo() {
        #expect(throws: Refusal.self) {
            try rules.check(settings(files: ["a.tf": "x", "a.tf/b": ""]), secrets: VineSecrets())
        }
    }

    @Test func sizesHoldAtTheirEdges() throws {
        try rules.check(settings(files: ["a.tf": String(repeating: "x", count: 100)]), secrets: VineSecrets())
        let tooLarge = #expect(throws: Refusal.self) {
            try rules.check(settings(files: ["a.tf": String(repeating: "x", count: 101)]), secrets: VineSecrets())
        }
        #expect(tooLarge?.kind == .tooLarge)
        #expect(throws: Refusal.self) {
            try rules.check(settings(files: ["a.tf": "x", "b": "", "c": "", "d": ""]), secrets: VineSecrets())
        }
        #expect(throws: Refusal.self) {
            try rules.check(
                settings(variables: ["v": .string(String(repeating: "x", count: 65))]), secrets: VineSecrets())
        }
    }

    @Test(arguments: ["1x", "a b", "", "x;y", "é"])
    func variableNamesAreIdentifiers(name: String) {
        #expect(throws: Refusal.self) { try rules.check(settings(variables: [name: 1]), secrets: VineSecrets()) }
    }

    @Test(arguments: ["PATH", "LD_PRELOAD", "TENDRIL_TOKEN", "TRELLIS_URL", "A=B", "a-b"])
    func environmentNamesThatCouldHurtAreRefused(name: String) {
        #expect(throws: Refusal.self) { try rules.check(settings(environment: [name: "x"]), secrets: VineSecrets()) }
    }

    @Test func aSecretMustBeLongEnoughToBeMasked() throws {
        try rules.check(settings(), secrets: VineSecrets(variables: ["p": "123456"]))
        #expect(throws: Refusal.self) { try rules.check(settings(), secrets: VineSecrets(variables: ["p": "12345"])) }
        #expect(throws: Refusal.self) {
            try rules.check(settings(), secrets: VineSecrets(variables: ["p": ["123456", 7]]))
        }
    }

    @Test func aNameIsEitherSensitiveOrNot() {
        #expect(throws: Refusal.self) {
            try rules.check(settings(variables: ["p": "x"]), secrets: VineSecrets(variables: ["p": "123456"]))
        }
    }

    @Test(arguments: ["https://git.example.com/a.git", "ssh://git@git.example.com/a.git"])
    func ordinaryGitURLsPass(url: String) throws {
        try GitRules().check(url, "main", "vines/a")
    }

    @Test(arguments: [
        "http://x/a", "git://x/a", "file:///etc", "ext::sh -c id", "-oProxyCommand=x", "https://",
        "https://user:pw@x/a",
        "https://ghp_token@x/a", "ssh://git:pw@x/a", "ssh://-oProxyCommand=id/x", "https://x/a b",
        "git@github.com:a/b.git",
    ])
    func dangerousGitURLsAreRefused(url: String) {
        #expect(throws: Refusal.self) { try GitRules().check(url, "main", nil) }
    }

    @Test(arguments: ["", "-x", "a..b", "a b", "a~1", "a^", "x:y", "/a", "a/", "@{-1}", "a\u{7f}"])
    func dangerousRefsAreRefused(ref: String) {
        #expect(throws: Refusal.self) { try GitRules().check("https://x/a", ref, nil) }
    }
}

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
    func rejectsUnsafePaths(path: String) {
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

    @Test func enforcesSizeLimitsAtEdges() throws {
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

    @Test(arguments: [
        "PATH", "LD_PRELOAD", "TENDRIL_TOKEN", "TRELLIS_URL", "A=B", "a-b", "TF_CLI_ARGS", "TF_CLI_ARGS_init",
        "TF_CLI_CONFIG_FILE", "TF_REATTACH_PROVIDERS", "TF_LOG_PATH", "TF_DATA_DIR", "TF_WORKSPACE",
        "TF_STATE_PERSIST_INTERVAL", "TF_PLUGIN_CACHE_DIR", "BASH_ENV", "ENV", "GCONV_PATH", "TMPDIR", "HOME",
        "PYTHONPATH", "PERL5OPT", "XDG_CONFIG_HOME", "GLIBC_TUNABLES",
    ])
    func rejectsDangerousEnvironmentNames(name: String) {
        #expect(throws: Refusal.self) { try rules.check(settings(environment: [name: "x"]), secrets: VineSecrets()) }
    }

    @Test(arguments: [
        "AWS_PROFILE", "TF_VAR_path", "TF_LOG", "TF_TOKEN_example_com", "PYTHONUNBUFFERED", "ENVIRONMENT",
        "GIT_SSH_COMMAND",
        "KUBECONFIG", "TF_HTTP_PASSWORD", "TF_CLI",
    ])
    func ordinaryEnvironmentNamesPass(name: String) throws {
        try rules.check(settings(environment: [name: "x"]), secrets: VineSecrets())
    }

    @Test func aReservedNameIsRefusedWithItsReason() {
        #expect(EnvironmentRules.refusal(of: "TF_CLI_ARGS_apply")?.contains("run options") == true)
        #expect(EnvironmentRules.refusal(of: "TF_WORKSPACE")?.contains("one state per vine") == true)
        #expect(EnvironmentRules.refusal(of: ["A", "LD_PRELOAD", "B"])?.contains("\"LD_PRELOAD\"") == true)
        // Where tools, configuration and temporary files are is for the operator to say, and nothing else.
        #expect(!EnvironmentRules.isRefusedForOperator("TF_CLI_CONFIG_FILE"))
        #expect(EnvironmentRules.isRefusedForOperator("TF_CLI_ARGS_plan"))
        #expect(EnvironmentRules.isRefusedForOperator("LD_PRELOAD"))
    }

    @Test func aSecretMustBeLongEnoughToBeMasked() throws {
        try rules.check(settings(), secrets: VineSecrets(variables: ["p": "123456"]))
        #expect(throws: Refusal.self) { try rules.check(settings(), secrets: VineSecrets(variables: ["p": "12345"])) }
        #expect(throws: Refusal.self) { try rules.check(settings(), secrets: VineSecrets(variables: ["p": 12345])) }
        #expect(throws: Refusal.self) {
            try rules.check(settings(), secrets: VineSecrets(variables: ["p": "   ab    "]))
        }
    }

    /// An object with a long password may have a short user name.
    @Test func shortMembersOfASensitiveValueAreAllowedAndNamed() throws {
        let database: JSONValue = [
            "user": "app", "password": "correct-horse", "port": 5432, "tls": true, "tags": ["x"],
        ]
        let secrets = VineSecrets(variables: ["db": database, "token": "123456"], environment: ["KEY": "long-enough"])
        try rules.check(settings(), secrets: secrets)
        #expect(
            secrets.warnings == ["Not masked, because shorter than 6 characters: db.port, db.tags[0], db.user."])
        #expect(VineSecrets(variables: ["token": "123456", "flag": true]).warnings.isEmpty)
    }

    @Test func aValueOfWhichNothingCanBeMaskedIsRefusedByName() throws {
        let refused: [(VineSecrets, String)] = [
            (VineSecrets(variables: ["pin": "1234"]), "pin"),
            (VineSecrets(variables: ["db": ["a b": "x", "list": [1, "y"]]]), "db[\"a b\"], db.list[0], db.list[1]"),
            (VineSecrets(environment: ["TOKEN": "abc"]), "TOKEN"),
            (VineSecrets(variables: ["long": "long-enough"], environment: ["EMPTY": ""]), "EMPTY"),
        ]
        for (secrets, names) in refused {
            do {
                try rules.check(settings(), secrets: secrets)
                Issue.record("\(names) was accepted")
            } catch {
                #expect(error.reason.hasSuffix(": \(names)."), "\(error.reason)")
            }
        }
    }

    @Test func numbersAreEqualInEveryNotation() {
        for text in ["1000000", "1e+06", "1.0E6", "1000000.000", "0.1e7", "10e5"] {
            #expect(DecimalNumber(text) == DecimalNumber("1000000"), "\(text)")
            #expect(DecimalNumber(text)?.plain == "1000000")
        }
        #expect(DecimalNumber("-0.00125")?.plain == "-0.00125")
        #expect(DecimalNumber("12345678901234567890") != DecimalNumber("12345678901234567891"))
        #expect(DecimalNumber("0.0") == DecimalNumber("-0"))
        for text in ["", "-", ".", "1e", "0x10", "1 2", "1.2.3", "abc", "1e99999999999999999999"] {
            #expect(DecimalNumber(text) == nil, "\(text)")
        }
    }

    @Test func rejectsNamesThatArePlainAndSensitive() {
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

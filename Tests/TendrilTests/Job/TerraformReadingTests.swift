import Domain
import Foundation
import SystemCalls
import Testing
import Wire

@testable import Tendril

@Suite struct JSONCursorTests {
    private func lineage(_ text: String) -> StatePosition? { StateReader.position(of: Data(text.utf8)) }

    @Test func findsWhatIsAsked() {
        #expect(
            lineage(#" { "a" : [ {"lineage":"x"}, "}\"" ], "serial" : 12 , "lineage":"l\u00e9" } "#)
                == StatePosition(lineage: "lé", serial: 12))
        #expect(lineage(#"{"serial":1}"#) == nil)
        #expect(lineage(#"{"serial":"1","lineage":"l"}"#) == nil)
        #expect(lineage("[]") == nil)
        #expect(lineage("") == nil)
    }

    @Test func aStateThatIsStillBeingWrittenIsNone() {
        let whole = String(decoding: Fixtures.state(serial: 7, outputs: #"{"a":{"value":"}"}}"#), as: UTF8.self)
        #expect(lineage(whole) != nil)
        #expect(lineage(whole + "\n") != nil)
        #expect(lineage(whole + "}") == nil)
        for length in 0..<whole.utf8.count {
            #expect(lineage(String(whole.prefix(length))) == nil, "\(length) bytes")
        }
    }

    @Test func depthCostsNoStack() {
        let depth = 2_000_000
        let text =
            "{\"x\":" + String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
            + ",\"lineage\":\"l\",\"serial\":1}"
        #expect(lineage(text) == StatePosition(lineage: "l", serial: 1))
        #expect(lineage("{\"x\":[}],\"lineage\":\"l\",\"serial\":1}") == nil)
    }

    @Test func outputsAreReadWithoutTheSensitiveOnes() throws {
        let state = Fixtures.state(
            serial: 1,
            outputs:
                #"{"n":{"value":[1,"two"],"type":["tuple",[]]},"s":{"sensitive":true,"value":"hush-hush"},"b":{"value":"\#(String(repeating: "x", count: 100))"}}"#
        )
        let outputs = try StateReader.outputs(of: state, limit: 50)
        #expect(outputs.values == ["n": [1, "two"], "s": "(sensitive)", "b": "(too large)"])
        #expect(outputs.tooLarge == ["b"])
        #expect(outputs.tooDeep == [])
    }

    @Test func outputsThatNestTooDeepAreNamed() throws {
        let nested = String(repeating: "[", count: 59) + String(repeating: "]", count: 59)
        let secret = #""s":{"sensitive":true,"value":\#(nested)}"#
        let state = Fixtures.state(
            serial: 1, outputs: #"{"deep":{"value":\#(nested)},"flat":{"value":[1]},\#(secret)}"#)
        let outputs = try StateReader.outputs(of: state)
        #expect(outputs.tooDeep == ["deep"] && outputs.tooLarge == [])
        #expect(outputs.values["s"] == "(sensitive)" && outputs.values["flat"] == [1])
    }
}

@Suite struct PlanSummaryTests {
    private func read(_ actions: [String], listing: Int = 500) throws -> PlanSummary {
        let changes = actions.enumerated().map { index, actions in
            #"{"address":"a.r[\#(index)]","mode":"managed","change":{"before":{"actions":["delete"]},"actions":\#(actions)}}"#
        }
        let text =
            #"{"format_version":"1.2","variables":{"s":{"value":"hush-hush"}},"resource_changes":["#
            + changes.joined(separator: ",") + #"],"output_changes":{"o":{"actions":["create"]}}}"#
        return try PlanSummary.read(Data(text.utf8), listing: listing)
    }

    @Test func countsAsTerraformDoes() throws {
        let summary = try read([
            #"["create"]"#, #"["update"]"#, #"["delete"]"#, #"["delete","create"]"#, #"["create","delete"]"#,
            #"["no-op"]"#, #"["read"]"#, #"["forget"]"#,
        ])
        #expect(summary.changes == PlannedChanges(add: 3, change: 1, destroy: 3, forgets: 1, outputs: 1))
        #expect(summary.sentence == "3 to add, 1 to change, 3 to destroy, 1 to forget, 1 output changes")
        #expect(summary.resources.map(\.action) == ["create", "update", "delete", "replace", "replace", "forget"])
        #expect(summary.resources.first?.address == "a.r[0]")
    }

    private func summary(_ text: String, refreshOnly: Bool = false) throws -> PlanSummary {
        try PlanSummary.read(Data(text.utf8), refreshOnly: refreshOnly)
    }

    @Test func importsMovesAndOutputsAreChanges() throws {
        let imported = try summary(
            #"{"resource_changes":[{"address":"a.b","change":{"actions":["no-op"],"importing":{"id":"i-1"}}},"#
                + #"{"address":"a.c","change":{"actions":["update"],"importing":{"unknown":true}}},"#
                + #"{"address":"a.d","change":{"actions":["no-op"],"importing":null}}]}"#)
        #expect(imported.changes == PlannedChanges(change: 1, imports: 2))
        #expect(imported.sentence == "2 to import, 0 to add, 1 to change, 0 to destroy")
        #expect(imported.resources.map(\.action) == ["import", "update"])
        let moved = try summary(
            #"{"resource_changes":[{"address":"m.new","previous_address":"m.old","change":{"actions":["no-op"]}}]}"#)
        #expect(moved.sentence == "1 moved")
        #expect(moved.resources.map(\.action) == ["move"])
        let outputs = try summary(
            #"{"output_changes":{"a":{"actions":["create"]},"b":{"actions":["no-op"]},"c":{"actions":["delete"]}}}"#)
        #expect(outputs.sentence == "2 outputs change")
        let nothing = try summary(
            #"{"resource_changes":[{"address":"a.b","change":{"actions":["no-op"]}},"#
                + #"{"address":"data.x.y","change":{"actions":["read"]}}],"output_changes":{"b":{"actions":["no-op"]}}}"#
        )
        #expect(nothing.changes.isEmpty)
        #expect(nothing.sentence == "no changes")
    }

    @Test func driftCountsOnlyWhereItIsApplied() throws {
        let text =
            #"{"resource_drift":[{"address":"a.b","change":{"actions":["update"]}},"#
            + #"{"address":"a.c","change":{"actions":["no-op"]}}]}"#
        #expect(try summary(text).changes.isEmpty)
        #expect(try summary(text, refreshOnly: true).sentence == "1 to update in the state")
    }

    @Test func failedChecksAreCounted() throws {
        let checks = try summary(
            #"{"checks":[{"address":{"kind":"check","name":"a"},"status":"fail"},"#
                + #"{"address":{"kind":"check","name":"b"},"status":"pass"},"#
                + #"{"address":{"kind":"resource","name":"c"},"status":"fail"}]}"#)
        #expect(checks.failedChecks == 1)
    }

    @Test func theListIsBoundedAndTheCountsAreNot() throws {
        let summary = try read(Array(repeating: #"["create"]"#, count: 12), listing: 5)
        #expect(summary.changes.add == 12)
        #expect(summary.resources.count == 5)
        #expect(summary.omitted == 7)
        #expect(summary.metadata["resources_omitted"] == 7)
    }

    @Test func noValueLeaves() throws {
        let text = String(decoding: try WireJSON.encode(try read([#"["create"]"#]).metadata), as: UTF8.self)
        #expect(!text.contains("hush"))
        #expect(text.contains(#""address":"a.r[0]""#))
    }
}

@Suite struct EphemeralVariablesTests {
    @Test func findsThemInHCL() {
        let text = """
            # variable "no" { ephemeral = true }
            variable "token" {
              description = "a } in ${join(",", ["b"])} // not a comment"
              ephemeral   = true /* yes */
            }
            variable "plain" {
              default = { ephemeral = true }
              validation {
                condition = true
                error_message = <<-EOT
                  } ephemeral = true
                  EOT
              }
            }
            variable "off" {
              ephemeral = false
            }
            variable bare { ephemeral = true }
            output "o" {
              ephemeral = true
            }
            locals { variable = "x" }
            """
        #expect(EphemeralVariables.declared(hcl: Data(text.utf8)) == ["token", "bare"])
    }

    @Test func findsThemInJSON() {
        let text =
            #"{"variable":{"a":{"ephemeral":true},"b":{"ephemeral":false},"#
            + #""c":[{"type":"string","ephemeral":true}]}}"#
        #expect(EphemeralVariables.declared(json: Data(text.utf8)) == ["a", "c"])
        #expect(EphemeralVariables.declared(json: Data("[".utf8)).isEmpty)
    }

    @Test func hostileTextEnds() {
        for text in ["\"${\"${\"${", "<<", "<<A", "/*", "variable \"", "}}}{{{", "\\", "\"\\"] {
            #expect(EphemeralVariables.declared(hcl: Data(text.utf8)).isEmpty)
        }
        let deep = String(repeating: "\"${", count: 100_000)
        #expect(EphemeralVariables.declared(hcl: Data(deep.utf8)).isEmpty)
    }

    @Test(arguments: [
        ("terraform", "1.10.0", true), ("terraform", "1.9.8", false), ("terraform", "2.0.0-rc1", true),
        ("tofu", "1.10.3", false), ("tofu", "1.11.0", true),
    ])
    func onlyEnginesThatTakeThemGetThem(name: String, version: String, takes: Bool) throws {
        let engine = Engine(
            name: try #require(Engine.Name(rawValue: name)), version: version, platform: "linux_amd64")
        #expect(engine.takesEphemeralVariables == takes)
    }
}

@Suite struct StateKeepingTests {
    private func keeping(_ backend: String?, environment: [String: String] = [:]) -> BackendKind {
        let data = backend.map { Data(#"{"version":3,"backend":\#($0),"hash":1}"#.utf8) }
        return BackendKind.read(data, environment: environment, workingDirectory: "/run/v")
    }

    @Test func defaultBackendIsTrellis() {
        #expect(keeping(nil) == .trellis)
        #expect(keeping(#"{"type":"local","config":{"path":null,"workspace_dir":null}}"#) == .trellis)
        #expect(keeping(nil, environment: ["TF_WORKSPACE": "default"]) == .trellis)
    }

    @Test func othersAreNamed() {
        #expect(keeping(#"{"type":"s3","config":{"bucket":"b","path":"x"}}"#) == .backend("s3"))
        #expect(keeping(#"{"type":"cloud","config":{}}"#, environment: ["TF_WORKSPACE": "a"]) == .backend("cloud"))
        #expect(keeping(#"{"type":"local","config":{"path":"/srv/s"}}"#) == .backend("local file /srv/s"))
    }

    @Test func whatWouldLoseTheStateIsRefused() {
        for config in [#""sub/x.tfstate""#, #""/run/v/x.tfstate""#] {
            guard case .refused = keeping(#"{"type":"local","config":{"path":\#(config)}}"#) else {
                Issue.record("\(config) was not refused")
                continue
            }
        }
        guard case .refused(let reason) = keeping(nil, environment: ["TF_WORKSPACE": "dev"]) else {
            Issue.record("TF_WORKSPACE was not refused")
            return
        }
        #expect(reason.contains("dev"))
    }
}

@Suite struct EngineEnvironmentTests {
    private let own = [
        "PATH": "/bin", "HOME": "/root", "LANG": "C", "TMPDIR": "/tmp", "SSL_CERT_FILE": "/c", "HTTPS_PROXY": "p",
        "no_proxy": "n", "CHECKPOINT_DISABLE": "1", "TRELLIS_URL": "u", "TENDRIL_TOKEN": "t",
        "AWS_SECRET_ACCESS_KEY": "k",
        "SSH_AUTH_SOCK": "/s", "TF_CLI_ARGS_plan": "-lock=false", "TF_CLI_CONFIG_FILE": "/none", "SHELL": "/bin/sh",
    ]

    private func environment(passed: [String] = [], exists: Bool = false) -> EngineEnvironment {
        EngineEnvironment(own: own, passed: passed, pluginCache: "/cache", fileExists: { _ in exists })
    }

    @Test func onlyTheListGoesThrough() {
        #expect(
            environment().base == [
                "PATH": "/bin", "HOME": "/root", "LANG": "C", "TMPDIR": "/tmp", "SSL_CERT_FILE": "/c",
                "HTTPS_PROXY": "p", "no_proxy": "n", "CHECKPOINT_DISABLE": "1", "TF_PLUGIN_CACHE_DIR": "/cache",
            ])
        #expect(environment(exists: true).base["TF_CLI_CONFIG_FILE"] == "/none")
    }

    @Test func theOperatorMayPassMoreButNeverOurOwn() {
        let base = environment(passed: ["SSH_AUTH_SOCK", "TRELLIS_URL", "TENDRIL_TOKEN", "TF_CLI_ARGS_plan"]).base
        #expect(base["TF_CLI_ARGS_plan"] == nil)
        #expect(base["SSH_AUTH_SOCK"] == "/s")
        #expect(base["TRELLIS_URL"] == nil)
        #expect(base["TENDRIL_TOKEN"] == nil)
    }

    @Test func theVineAddsItsOwn() {
        let settings = VineSettings(
            projectName: "p", environmentStage: "s", region: "eu-1",
            environment: [
                "A": "plain", "B": "plain", "TF_INPUT": "1", "TF_DATA_DIR": "x", "TRELLIS_URL": "u",
                "AWS_REGION": "us-1",
                "BAD=NAME": "x", "NUL": "a\0b", "TF_CLI_CONFIG_FILE": "/none", "LD_PRELOAD": "/x.so",
                "TF_WORKSPACE": "a",
            ], source: .inline(files: [:]))
        let made = environment().forVine(
            settings, secrets: ["B": "secret", "TF_CLI_ARGS": "-x"], metadataFile: "/m", logLevel: .debug)
        #expect(made["TF_LOG"] == "DEBUG")
        #expect(made["A"] == "plain")
        #expect(made["B"] == "secret")
        #expect(made["TF_IN_AUTOMATION"] == "1")
        #expect(made["TF_INPUT"] == "0")
        #expect(made["VINTNER_METADATA_FILE"] == "/m")
        #expect(made["AWS_REGION"] == "us-1")
        #expect(made["AWS_DEFAULT_REGION"] == "eu-1")
        #expect(made["GOOGLE_REGION"] == "eu-1")
        for name in [
            "TF_DATA_DIR", "TRELLIS_URL", "BAD=NAME", "NUL", "TF_CLI_CONFIG_FILE", "LD_PRELOAD", "TF_WORKSPACE",
            "TF_CLI_ARGS",
        ] {
            #expect(made[name] == nil, "\(name)")
        }
    }
}

@Suite struct EngineFinderTests {
    @Test func asksEachExecutableOnce() async throws {
        let place = try Place()
        try Fixtures.putEngine(in: place, version: "1.2.3")
        let script =
            "#!/bin/sh\necho x >> \(place.path)/asked\n"
            + #"echo '{"terraform_version":"1.8.0","platform":"linux_amd64"}'"#
        try Files.write(Data(script.utf8), to: place.path + "/engines/tofu", mode: 0o755)
        let finder = EngineFinder(folders: [place.path + "/engines"], environment: ["PATH": "/nowhere"])
        let found = await finder.find()
        #expect(found.map(\.engine.name) == [.terraform, .tofu])
        #expect(found.map(\.engine.version) == ["1.2.3", "1.8.0"])
        #expect(await finder.find() == found)
        #expect(place.text(of: "asked") == "x\n")
        try Fixtures.putEngine(in: place, version: "1.2.4")
        #expect(await finder.find().first?.engine.version == "1.2.4")
    }

    @Test func ignoresUnresponsiveExecutable() async throws {
        let place = try Place()
        try Files.makeFolder(place.path + "/a/terraform")
        try place.write("#!/bin/sh\nexit 1\n", to: "b/terraform")
        _ = chmodExecutable(place.path + "/b/terraform")
        let finder = EngineFinder(folders: [place.path + "/a", place.path + "/b"], environment: ["PATH": "relative"])
        #expect(await finder.find().isEmpty)
    }

    @Test func choosesWhatIsAsked() {
        let terraform = FoundEngine(
            engine: Engine(name: .terraform, version: "1.15.5", platform: "linux_amd64"), path: "/t")
        let tofu = FoundEngine(engine: Engine(name: .tofu, version: "1.8.0", platform: "linux_amd64"), path: "/o")
        func choose(_ requirement: EngineRequirement) -> String? {
            EngineFinder.choose(requirement, from: [terraform, tofu], runRoot: "/run")?.path
        }
        #expect(choose(EngineRequirement()) == "/t")
        #expect(choose(EngineRequirement(name: .tofu)) == "/o")
        #expect(choose(EngineRequirement(name: .terraform, version: "1.15.4")) == nil)
        #expect(choose(EngineRequirement(runRoot: "/elsewhere")) == nil)
    }

    private func chmodExecutable(_ path: String) -> Bool {
        (try? FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)) != nil
    }
}

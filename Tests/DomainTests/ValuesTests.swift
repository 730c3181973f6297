import Domain
import Testing

@Suite struct IdentifierTests {
    @Test func acceptsUppercaseAndLowercaseUUIDs() {
        let id = JobID("5C1E90B7-4F0E-4F6B-9D53-2A7BE1C8D904")
        #expect(id?.rawValue == "5c1e90b7-4f0e-4f6b-9d53-2a7be1c8d904")
        #expect(id?.short == "5c1e90b7")
    }

    @Test(arguments: [
        "", "5c1e90b7", "../../../../etc/passwd-5c1e90b7-4f0e-4f", "5c1e90b7-4f0e-4f6b-9d53-2a7be1c8d90g",
        "5c1e90b7_4f0e_4f6b_9d53_2a7be1c8d904", "5c1e90b7-4f0e-4f6b-9d53-2a7be1c8d904 ",
        "{c1e90b7-4f0e-4f6b-9d53-2a7be1c8d904}",
    ])
    func rejectsOtherText(text: String) {
        #expect(JobID(text) == nil)
    }

    @Test func generatedIDsAreVersion4UUIDs() throws {
        let id = JobID(randomBytes: [UInt8](repeating: 0xff, count: 16))
        #expect(id.rawValue == "ffffffff-ffff-4fff-bfff-ffffffffffff")
        #expect(JobID(id.rawValue) == id)
    }
}

@Suite struct TimestampTests {
    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (1_789_387_198_204, "2026-09-14T11:59:58.204Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"),
            (4_102_444_800_000, "2100-01-01T00:00:00.000Z"),
        ] as [(Int64, String)])
    func roundTripsBetweenTextAndNumber(milliseconds: Int64, text: String) {
        #expect(Timestamp(milliseconds: milliseconds).description == text)
        #expect(Timestamp(text)?.milliseconds == milliseconds)
    }

    @Test(arguments: [
        "", "2026-09-14", "2026-09-14T11:59:58.204", "2026-13-14T11:59:58Z", "2026-09-14T25:59:58Z", "now",
    ])
    func rejectsInvalidTimes(text: String) {
        #expect(Timestamp(text) == nil)
    }

    @Test func truncatesOptionalFraction() {
        #expect(Timestamp("1970-01-01T00:00:01Z")?.milliseconds == 1000)
        #expect(Timestamp("1970-01-01T00:00:01.5Z")?.milliseconds == 1500)
        #expect(Timestamp("1970-01-01T00:00:01.123456789Z")?.milliseconds == 1123)
    }
}

@Suite struct HexadecimalTests {
    @Test func bytesAreShownInHex() { #expect([0, 0x0a, 0xff].hexadecimal == "000aff") }
}

@Suite struct VisibleTextTests {
    @Test(arguments: [
        ("plain", "plain"), ("\u{1b}[1mbold\u{1b}[0m", "bold"),
        ("Plan: \u{1b}[1m10\u{1b}[0m to add", "Plan: 10 to add"),
        ("10%\r50%\r100%", "100%"), ("long text\rab", "abng text"), ("a\u{08}b", "b"),
        ("\u{1b}]8;;javascript:alert(1)\u{07}link\u{1b}]8;;\u{07}", "link"), ("\u{1b}]0;title\u{1b}\\x", "x"),
        ("\u{1b}(Bx", "x"), ("tab\there", "tab\there"), ("\u{9b}31mred", "red"), ("\u{1b}[31", ""), ("a\u{00}b", "ab"),
        ("Ünïcødé 日本", "Ünïcødé 日本"),
    ])
    func removesInvisibleText(raw: String, visible: String) {
        #expect(VisibleLine.text(of: raw) == visible)
    }
}

@Suite struct LogTextTests {
    @Test(
        arguments: [
            ("", []), ("a", ["a"]), ("a\n", ["a"]), ("a\nb", ["a", "b"]), ("\n", [""]), ("\n\n", ["", ""]),
            ("a\r\nb\n", ["a\r", "b"]),
        ] as [(String, [String])])
    func lineCountMatchesLines(text: String, lines: [String]) {
        #expect(ChunkText.lines(of: text).map(String.init) == lines)
        #expect(ChunkText.lineCount(of: text) == lines.count)
    }

    @Test func normalizesUntrustedTimes() {
        let times = LineTimes([
            .init(lines: 2, at: Timestamp(milliseconds: 50)), .init(lines: 9, at: Timestamp(milliseconds: 40)),
        ])
        let fitted = times.normalised(lines: 4, notBefore: Timestamp(milliseconds: 45))
        #expect(fitted.lineCount == 4)
        #expect((0..<4).map { fitted.time(ofLine: $0)?.milliseconds } == [50, 50, 50, 50])
        let future = times.normalised(
            lines: 4, notBefore: Timestamp(milliseconds: 5), notAfter: Timestamp(milliseconds: 30))
        #expect((0..<4).map { future.time(ofLine: $0)?.milliseconds } == [30, 30, 30, 30])
        let missing = LineTimes().normalised(lines: 3, notBefore: Timestamp(milliseconds: 7))
        #expect(missing.runs == [.init(lines: 3, at: Timestamp(milliseconds: 7))])
    }

    @Test func storedTimesAreBounded() {
        func times(_ lines: Int) -> LineTimes {
            LineTimes((0..<lines).map { LineTimes.Run(lines: 1, at: Timestamp(milliseconds: Int64($0))) })
                .normalised(lines: lines, notBefore: Timestamp(milliseconds: 0))
        }
        #expect(times(LineTimes.maxRuns).runs.count == LineTimes.maxRuns)
        let many = times(65_536)
        #expect(many.runs.count == LineTimes.maxRuns)
        #expect(many.lineCount == 65_536)
        #expect(many.time(ofLine: 16)?.milliseconds == 16)
        #expect(many.time(ofLine: 31)?.milliseconds == 16)
        #expect(times(LineTimes.maxRuns + 1).lineCount == LineTimes.maxRuns + 1)
    }

    @Test func enforcesLimitsAtEdges() throws {
        let limits = LogLimits(chunkBytes: 4, appendBytes: 8, appendChunks: 3)
        func chunks(_ texts: String...) -> [UnnumberedChunk] {
            texts.map { UnnumberedChunk(stream: .stdout, text: $0, times: LineTimes()) }
        }
        try limits.check(chunks("abcd", "efgh"))
        #expect(throws: Refusal.self) { try limits.check([]) }
        #expect(throws: Refusal.self) { try limits.check(chunks("")) }
        #expect(throws: Refusal.self) { try limits.check(chunks("abcde")) }
        #expect(throws: Refusal.self) { try limits.check(chunks("abcd", "efgh", "i")) }
        #expect(throws: Refusal.self) { try limits.check(chunks("a", "b", "c", "d")) }
    }
}

@Suite struct PlanValidityTests {
    static let position = StatePosition(lineage: "l", serial: 41)
    static let fine = PlanValidity.Facts(
        planType: .plan, planStatus: .success, plannedDigest: "d", currentDigest: "d", plannedState: position,
        currentState: position, artifactStored: true, deploy: nil)

    @Test func aFreshPlanIsValid() {
        #expect(PlanValidity.evaluate(Self.fine) == .valid)
    }

    @Test(arguments: [
        ("type", "Only a PLAN"), ("status", "FAILED"), ("digest", "vine changed"), ("vine", "deleted"),
        ("state", "from serial 41 to 43"), ("artifact", "plan file no longer exists"),
        ("deploy", "Already applied by job"),
    ])
    func eachFactCanMakeAPlanStale(fact: String, says: String) throws {
        var facts = Self.fine
        switch fact {
        case "type": facts.planType = .destroy
        case "status": facts.planStatus = .failed
        case "digest": facts.currentDigest = "e"
        case "vine": facts.currentDigest = nil
        case "state": facts.currentState = StatePosition(lineage: "l", serial: 43)
        case "artifact": facts.artifactStored = false
        default: facts.deploy = JobID(randomBytes: [UInt8](repeating: 3, count: 16))
        }
        let validity = PlanValidity.evaluate(facts)
        #expect(try #require(validity.reason).contains(says))
        #expect(validity.staleness?.deploy == facts.deploy)
        // Whoever planned the old configuration again would be refused again.
        let remedy: PlanValidity.Remedy? = fact == "vine" ? nil : fact == "digest" ? .planVine : .rerun
        #expect(validity.staleness?.remedy == remedy)
    }
}

@Suite struct TendrilOfferTests {
    static let mine = Engine(name: .terraform, version: "1.9.0", platform: "linux_arm64")

    /// A shortfall is said exactly where the requirement is not met.
    @Test func reportsMissingCapabilities() {
        for engines in [[], [Self.mine], [Self.mine, Engine(name: .tofu, version: "1.8.0", platform: "linux_amd64")]] {
            let offer = TendrilCapabilities(engines: engines, runRoot: "/a")
            for name in [nil, Engine.Name.terraform, .tofu] {
                for version in [nil, "1.9.0", "1.8.0", "2.0.0"] {
                    for platform in [nil, "linux_amd64", "linux_arm64"] {
                        for root in [nil, "/a", "/b"] {
                            let needed = EngineRequirement(
                                name: name, version: version, platform: platform, runRoot: root)
                            #expect((offer.missingCapability(for: needed) == nil) == offer.meets(needed), "\(needed)")
                        }
                    }
                }
            }
        }
    }

    @Test(arguments: [
        (EngineRequirement(name: .tofu), "has no tofu"),
        (EngineRequirement(name: .terraform, version: "1.15.5"), "has terraform 1.9.0, not 1.15.5"),
        (EngineRequirement(version: "1.9.0", platform: "linux_amd64"), "runs on linux_arm64, not linux_amd64"),
        (
            EngineRequirement(version: "1.9.0", runRoot: "/b"),
            "can't use this plan: different --run-root (/a, plan needs /b)"
        ),
    ])
    func namesMissingCapability(_ needed: EngineRequirement, says: String) {
        #expect(TendrilCapabilities(engines: [Self.mine], runRoot: "/a").missingCapability(for: needed) == says)
    }
}

import Domain
import Testing

/// Subjects, keys and policies of the tokens that jobs get.
@Suite struct CloudIdentityTests {
    private let vineyard = VineyardID(randomBytes: [UInt8](repeating: 10, count: 16))
    private let vine = VineID(randomBytes: [UInt8](repeating: 11, count: 16))

    private func subject(_ stage: String, _ phase: TokenPhase = .destroy) throws -> String {
        try TokenSubject().text(vineyard: vineyard, vine: vine, stage: stage, phase: phase)
    }

    // MARK: - Subjects

    @Test func aSubjectNamesVineyardVineStageAndPhase() throws {
        #expect(
            try subject("production", .plan)
                == "vineyard:\(vineyard):vine:\(vine):stage:production:phase:plan")
    }

    /// Google refuses a subject of more than 127 bytes, and a policy must not read a stage as a pattern.
    @Test(arguments: [
        "", "a", "exactly-19-bytes-ok", "exactly-20-bytes-bad", "live*", "a:phase:apply", "{phase}", "Ümläut", "a b",
        String(repeating: "x", count: 100), String(repeating: "🍇", count: 100), "\"$(id)`",
    ]) func everyStageGivesASubjectOfAtMost127Bytes(_ stage: String) throws {
        for phase in TokenPhase.allCases {
            let text = try subject(stage, phase)
            #expect(text.utf8.count <= 127)
            #expect(text.hasSuffix(":phase:\(phase.rawValue)"))
            let shown = text.split(separator: ":", omittingEmptySubsequences: false)
            #expect(shown.count == 8 && shown[6] == "phase", "\(text)")
            #expect(shown[5].allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) })
        }
    }

    @Test func onlyStagesThatFitStayAsTheyAre() throws {
        #expect(try subject("exactly-19-bytes-ok").contains(":stage:exactly-19-bytes-ok:"))
        #expect(try subject("exactly-19-bytes-ok").utf8.count == 127)
        let long = try subject("exactly-20-bytes-bad")
        #expect(long.utf8.count == 127 && !long.contains("exactly-20-bytes-bad"))
        // Names that are cut to the same beginning stay apart.
        #expect(try subject("exactly-20-bytes-bad") != subject("exactly-20-bytes-bat"))
        #expect(try subject("a*") != subject("a?"))
    }

    @Test(arguments: [
        "vine:{vine_id}", "phase:{phase}", "{vine_id}:{phase}:{name}", "{vine_id} {phase}", "{vine_id}:{phase}:*",
        "{vine_id}:{vineyard_id}:{vine_id}:" + String(repeating: "x", count: 12) + ":{phase}",
        // Something follows the phase, so that a policy for applying could fit a plan.
        "{phase}:{vine_id}", "vineyard:{vineyard_id}:phase:{phase}:vine:{vine_id}", "{vine_id}:{phase}:",
        "{vine_id}:{phase}x",
        // Values that run into each other.
        "{vine_id}{phase}", "{vine_id}:phase-{phase}", "{stage}{vine_id}:{phase}", "{vine_id}:{stage}.x:{phase}",
        "x{vine_id}/{phase}",
    ]) func templatesThatCanGoWrongAreRefused(_ template: String) {
        #expect(throws: Refusal.self) { try TokenSubject(template) }
    }

    @Test func aTemplateOfTheInstallationIsUsed() throws {
        let subject = try TokenSubject("acme:{vine_id}:{phase}")
        #expect(subject.text(vineyard: vineyard, vine: vine, stage: "s", phase: .apply) == "acme:\(vine):apply")
        #expect(subject.pattern(vineyard: vineyard, phase: .plan) == nil)
        #expect(
            try TokenSubject("{vineyard_id}/{vine_id}/{phase}").pattern(vineyard: vineyard, phase: .plan)
                == "\(vineyard)/*/plan")
        // What follows a star is not compared by every cloud.
        for template in ["{vine_id}:{vineyard_id}:{phase}", "s:{stage}:y:{vineyard_id}:v:{vine_id}:{phase}"] {
            #expect(try TokenSubject(template).pattern(vineyard: vineyard, phase: .plan) == nil)
        }
        #expect(
            try TokenSubject().pattern(vineyard: vineyard, phase: .plan)
                == "vineyard:\(vineyard):vine:*:stage:*:phase:plan")
    }

    // MARK: - Keys

    private func at(_ days: Double) -> Timestamp { Timestamp(milliseconds: Int64(days * 86_400_000)) }

    @Test func keysArePublishedBeforeUseAndKeptUntilTheLastTokenHasExpired() throws {
        let schedule = SigningKeySchedule()
        // The first key is needed at once.
        #expect(schedule.next(after: [], at: at(0)) == at(0))
        var keys = [SigningKeySchedule.Key(id: "a", createdAt: at(0), usedFrom: at(0))]
        #expect(schedule.current(of: keys, at: at(0))?.id == "a")
        #expect(schedule.next(after: keys, at: at(27.9)) == nil)
        // Two days before it is due.
        #expect(schedule.next(after: keys, at: at(28)) == at(30))
        // A server that was off for long still publishes a key before it uses it.
        #expect(schedule.next(after: keys, at: at(90)) == at(92))
        keys.append(SigningKeySchedule.Key(id: "b", createdAt: at(28), usedFrom: at(30)))
        #expect(schedule.next(after: keys, at: at(29)) == nil)
        #expect(schedule.current(of: keys, at: at(29.99))?.id == "a")
        #expect(schedule.current(of: keys, at: at(30))?.id == "b")
        let twoHours = 2.0 / 24
        #expect(schedule.expired(of: keys, at: at(30 + twoHours).advanced(by: -1)).isEmpty)
        #expect(schedule.expired(of: keys, at: at(30 + twoHours)).map(\.id) == ["a"])
        #expect(schedule.keptAfterUse >= 3_600_000, "the longest token is valid for an hour")
    }

    // MARK: - Ways in

    @Test func waysInAreCheckedByProvider() throws {
        let role = CloudAccess(roleArn: "arn:aws:iam::111122223333:role/team/vintner-plan", region: "eu-west-1")
        try role.check(for: .aws, called: "plan")
        #expect(throws: Refusal.self) { try role.check(for: .gcp, called: "plan") }
        for arn in [
            "", "vintner", "arn:aws:iam::1111:role/x", "arn:aws:iam::111122223333:user/x",
            "arn:aws:iam::111122223333:role/", "arn:aws:iam::111122223333:role/a\"b",
            "arn:aws:sts::111122223333:role/x",
        ] {
            #expect(throws: Refusal.self, "\(arn)") { try CloudAccess(roleArn: arn).check(for: .aws, called: "plan") }
        }
        for seconds in [899, 43_201] {
            let access = CloudAccess(roleArn: role.roleArn ?? "", durationSeconds: seconds)
            #expect(throws: Refusal.self) { try access.check(for: .aws, called: "plan") }
        }
        for seconds in [900, 43_200] {
            try CloudAccess(roleArn: role.roleArn ?? "", durationSeconds: seconds).check(for: .aws, called: "plan")
        }
        var google = CloudAccess()
        google.workloadIdentityProvider = "projects/481516/locations/global/workloadIdentityPools/p/providers/x"
        try google.check(for: .gcp, called: "plan")
        #expect(
            google.audience(for: .gcp)
                == "//iam.googleapis.com/projects/481516/locations/global/workloadIdentityPools/p/providers/x")
        google.workloadIdentityProvider = "projects/x/locations/global/workloadIdentityPools/p/providers/x"
        #expect(throws: Refusal.self) { try google.check(for: .gcp, called: "plan") }
        var azure = CloudAccess()
        (azure.clientId, azure.tenantId) = (vine.rawValue, vine.rawValue)
        #expect(throws: Refusal.self) { try azure.check(for: .azure, called: "plan") }
        azure.subscriptionId = vineyard.rawValue
        try azure.check(for: .azure, called: "plan")
    }

    /// They are in commands that people paste into a shell.
    @Test(arguments: [";id", "$(id)", "a b", "a&b", "a|b", "a'b", "a\nb", "-f", "A", "", "a(b)", "ä", "a#b"])
    func whatACommandNamesIsPlain(_ text: String) {
        var access = CloudAccess()
        access.workloadIdentityProvider = "projects/1/locations/global/workloadIdentityPools/p/providers/x"
        func isRefused(_ change: (inout CloudAccess) -> Void) -> Bool {
            var changed = access
            change(&changed)
            do { try changed.check(for: .gcp, called: "plan") } catch { return true }
            return false
        }
        #expect(!isRefused { $0.project = "example.com:data-1" })
        #expect(!isRefused { $0.serviceAccount = "plan@data.iam.gserviceaccount.com" })
        #expect(isRefused { $0.project = text })
        guard text != "A" else { return }
        #expect(isRefused { $0.serviceAccount = "\(text)@data.iam.gserviceaccount.com" })
        guard text != "-f" else { return }
        #expect(isRefused { $0.serviceAccount = "plan@\(text)" })
        #expect(
            isRefused {
                $0.workloadIdentityProvider = "projects/1/locations/global/workloadIdentityPools/\(text)/providers/x"
            })
        let role = CloudAccess(roleArn: "arn:aws:iam::111122223333:role/x\(text.isEmpty ? "|" : text)")
        #expect(throws: Refusal.self) { try role.check(for: .aws, called: "plan") }
    }

    @Test func aGoogleCommandQuotesWhatItNames() throws {
        var access = CloudAccess()
        access.workloadIdentityProvider = "projects/1/locations/global/workloadIdentityPools/p/providers/x"
        access.project = "data"
        var account = access
        account.serviceAccount = "apply@data.iam.gserviceaccount.com"
        let identity = CloudIdentity(
            id: CloudIdentityID(randomBytes: [UInt8](repeating: 12, count: 16)), name: "shop", vineyard: vineyard,
            provider: .gcp, plan: access, apply: account, createdBy: "ana", createdAt: at(0), updatedAt: at(0))
        func text(_ applying: Bool) throws -> String {
            TrustPolicy.make(
                for: identity, applying: applying, issuer: "https://vintner.example.com", subject: try TokenSubject(),
                vines: [(vine, "production")]
            ).text
        }
        #expect(try text(false).contains("add-iam-policy-binding 'data' "))
        #expect(try text(true).contains(" 'apply@data.iam.gserviceaccount.com' "))
        #expect(try text(true).contains("--member='principal://iam.googleapis.com/projects/1/"))
    }

    @Test func policiesNameTheVinesAndThePhase() throws {
        let identity = CloudIdentity(
            id: CloudIdentityID(randomBytes: [UInt8](repeating: 12, count: 16)), name: "shop", vineyard: vineyard,
            provider: .aws, plan: CloudAccess(roleArn: "arn:aws:iam::111122223333:role/plan"),
            apply: CloudAccess(roleArn: "arn:aws:iam::111122223333:role/apply"), createdBy: "ana",
            createdAt: at(0), updatedAt: at(0))
        func policy(applying: Bool, _ vines: [(id: VineID, stage: String)]) throws -> JSONValue {
            let text = TrustPolicy.make(
                for: identity, applying: applying, issuer: "https://vintner.example.com", subject: try TokenSubject(),
                vines: vines
            ).text
            return try JSONValue(parsing: text.utf8)
        }
        let plan = try policy(applying: false, [(vine, "production")])
        guard case .array(let statements)? = plan["Statement"], let statement = statements.first else {
            Issue.record("no statement")
            return
        }
        #expect(
            statement["Principal"]?["Federated"]
                == "arn:aws:iam::111122223333:oidc-provider/vintner.example.com")
        let equal = statement["Condition"]?["StringEquals"]
        #expect(equal?["vintner.example.com:aud"] == "aws.workload.identity")
        #expect(equal?["vintner.example.com:sub"] == [.string(try subject("production", .plan))])
        let whole = try policy(applying: true, [])
        guard case .array(let all)? = whole["Statement"] else { return }
        #expect(
            all.first?["Condition"]?["StringLike"]?["vintner.example.com:sub"] == [
                .string("vineyard:\(vineyard):vine:*:stage:*:phase:apply"),
                .string("vineyard:\(vineyard):vine:*:stage:*:phase:destroy"),
            ])
    }

    @Test func phasesFollowTheJob() {
        #expect(TokenPhase.allowed(for: .plan) == [.plan])
        #expect(TokenPhase.allowed(for: .deploy) == [.apply])
        #expect(TokenPhase.allowed(for: .destroy) == [.plan, .destroy])
    }
}

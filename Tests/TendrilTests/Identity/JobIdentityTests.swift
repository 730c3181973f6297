import Domain
import Foundation
import Synchronization
import SystemCalls
import Testing
import Wire

@testable import Tendril

/// A cloud that takes every token, or refuses with a sentence.
final class FakeCloud: CloudExchanging {
    private let seen = Mutex<[String]>([])
    private let refusal: CloudExchangeError?

    init(refusing refusal: CloudExchangeError? = nil) { self.refusal = refusal }

    var endpoints: CloudEndpoints {
        var endpoints = CloudEndpoints(environment: ["AWS_ENDPOINT_URL_STS": "https://sts.operator.test"])
        endpoints.google = "https://sts.test/v1/token"
        return endpoints
    }
    /// The roles that were asked for.
    var roles: [String] { seen.withLock { $0 } }

    func exchange(_ token: IdentityTokenResponse) async throws -> CloudSession {
        seen.withLock { $0.append(token.access.title) }
        if let refusal { throw refusal }
        return CloudSession(
            principal: "arn:aws:sts::111122223333:assumed-role/vintner-plan/vintner", account: "111122223333",
            region: "eu-west-1", expiresAt: Timestamp(milliseconds: 1_800_003_600_000))
    }
}

/// What a Tendril does with the cloud identity of a job.
@Suite struct JobIdentityTests {
    let place: Place
    let trellis = FakeTrellis()

    init() throws {
        place = try Place()
        try Fixtures.putEngine(in: place)
    }

    static func token(
        _ phase: TokenPhase = .plan, _ number: Int = 0, provider: CloudProvider = .aws, lifetime: Int64 = 3_600_000,
        access: CloudAccess? = nil
    ) -> IdentityTokenResponse {
        let now = SystemDependencies.system.now()
        let role = CloudAccess(roleArn: "arn:aws:iam::111122223333:role/vintner-\(phase.rawValue)", region: "eu-west-1")
        return IdentityTokenResponse(
            token: "eyJhbGciOi.eyJwaGFzZSI6\(phase.rawValue)\(number).c2lnbmF0dXJl\(phase.rawValue)\(number)",
            expiresAt: now.advanced(by: lifetime), issuedAt: now, issuer: "https://vintner.example.com",
            subject: "vineyard:a:vine:b:stage:test:phase:\(phase.rawValue)", audience: "aws.workload.identity",
            provider: provider, access: access ?? role)
    }

    private func run(
        _ order: ClaimResponse, _ services: FakeJobServices, cloud: FakeCloud = FakeCloud(),
        lifetime: Int64 = 3_600_000,
        access: CloudAccess? = nil, provider: CloudProvider = .aws
    ) async throws {
        await trellis.giveTokens { phase, number in
            Self.token(phase, number, provider: provider, lifetime: lifetime, access: access)
        }
        await trellis.grant(order)
        var host = Fixtures.host(place, trellis, services, sleeper: .system)
        host.cloud = cloud
        await (try JobRunner(order, host: host)).run()
    }

    private var identity: CloudIdentityID { SystemDependencies.system.makeID() }

    @Test func theEngineGetsATokenFileOfItsOwn() async throws {
        let seen = Mutex<[String: String]>([:])
        let services = FakeJobServices(
            engine: ScriptedEngine(hook: { command in
                let file = command.environment["AWS_WEB_IDENTITY_TOKEN_FILE"] ?? ""
                let data = try Files.read(file)
                #expect(data.map { String(decoding: $0, as: UTF8.self) } == Self.token().token)
                let attributes = try FileManager.default.attributesOfItem(atPath: file)
                #expect(attributes[.posixPermissions] as? Int == 0o600)
                seen.withLock { $0 = command.environment }
                return nil
            }).run)
        let cloud = FakeCloud()
        let order = Fixtures.order(identity: identity)
        try await run(order, services, cloud: cloud)
        #expect(await trellis.lastReport?.status == .success)
        let environment = seen.withLock { $0 }
        #expect(environment["AWS_ROLE_ARN"] == "arn:aws:iam::111122223333:role/vintner-plan")
        #expect(environment["AWS_ROLE_SESSION_NAME"] == "vintner")
        #expect(environment["AWS_ENDPOINT_URL_STS"] == "https://sts.operator.test")
        // The vine's own region stays.
        #expect(environment["AWS_REGION"] == "eu-central-1")
        #expect(cloud.roles == ["arn:aws:iam::111122223333:role/vintner-plan"])
        let notes = services.notes
        let assuming = try #require(
            notes.firstIndex(of: "Assuming IAM role arn:aws:iam::111122223333:role/vintner-plan for 1 h"))
        let initializing = try #require(notes.firstIndex { $0.hasPrefix("Running terraform init") })
        #expect(assuming < initializing)
        // Every part that is a secret was hidden before the engine could print it.
        #expect(services.hidden == KeptTokens.texts(of: Self.token().token))
        #expect(await trellis.calls.filter { $0 == "token plan" }.count == 1)
        // Nothing of it is left.
        #expect(!place.tree.contains { $0.contains("identity/") || $0.hasSuffix("tokens.json") })
    }

    @Test func aRefusedIdentityFailsTheJobBeforeInit() async throws {
        let services = FakeJobServices(engine: ScriptedEngine().run)
        let refusal = CloudExchangeError(description: "AWS refused IAM role x: its trust policy does not match.")
        try await run(Fixtures.order(identity: identity), services, cloud: FakeCloud(refusing: refusal))
        let report = await trellis.lastReport
        #expect(report?.status == .failed && report?.errorMessage == refusal.description)
        #expect(services.phases.isEmpty && services.notes.contains(refusal.description))
        #expect(!place.tree.contains { $0.contains("identity/") })
    }

    @Test func aJobWithoutATokenFailsBeforeInit() async throws {
        let services = FakeJobServices(engine: ScriptedEngine().run)
        let order = Fixtures.order(identity: identity)
        await trellis.grant(order)
        await (try JobRunner(order, host: Fixtures.host(place, trellis, services))).run()
        #expect(await trellis.lastReport?.status == .failed)
        #expect(services.phases.isEmpty)
    }

    @Test(arguments: ["AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_ROLE_ARN"]) func keysBesideAnIdentityAreRefused(
        _ name: String
    ) async throws {
        let services = FakeJobServices(engine: ScriptedEngine().run)
        try await run(Fixtures.order(environment: [name: "AKIAEXAMPLE"], identity: identity), services)
        let report = await trellis.lastReport
        #expect(report?.status == .failed && report?.errorMessage?.contains(name) == true)
        #expect(services.phases.isEmpty)
    }

    /// A job of several lives of a token: the file changes while the engine runs, and each token is hidden before.
    @Test func theTokenIsRenewedWhileTheEngineRuns() async throws {
        let services = Mutex<FakeJobServices?>(nil)
        let fake = FakeJobServices(
            engine: ScriptedEngine(hook: { command in
                guard command.name == "plan" else { return nil }
                let file = command.environment["AWS_WEB_IDENTITY_TOKEN_FILE"] ?? ""
                var seen: Set<String> = []
                // Until it was replaced twice: there is never no file, or half a token.
                while seen.count < 3 {
                    let text = String(decoding: try Files.read(file) ?? Data(), as: UTF8.self)
                    #expect(text.split(separator: ".").count == 3)
                    let hidden = services.withLock { $0?.hidden ?? [] }
                    #expect(hidden.contains(text))
                    seen.insert(text)
                    try await Task.sleep(for: .milliseconds(5))
                }
                return nil
            }).run)
        services.withLock { $0 = fake }
        try await run(Fixtures.order(identity: identity), fake, lifetime: 200)
        #expect(await trellis.lastReport?.status == .success)
        #expect(fake.notes.contains { $0.hasPrefix("Credentials renewed, valid until ") })
        let count = await trellis.tokens.count
        // No more tokens after the end.
        try await Task.sleep(for: .milliseconds(300))
        #expect(await trellis.tokens.count == count)
    }

    @Test func aDestroyPlansWithOneRoleAndAppliesWithTheOther() async throws {
        let roles = Mutex<[String: String]>([:])
        let services = FakeJobServices(
            engine: ScriptedEngine(hook: { command in
                roles.withLock { $0[command.name] = command.environment["AWS_ROLE_ARN"] }
                return nil
            }).run)
        try await run(Fixtures.order(.destroy, identity: identity), services)
        #expect(await trellis.lastReport?.status == .success)
        let seen = roles.withLock { $0 }
        for name in ["init", "plan", "show"] { #expect(seen[name]?.hasSuffix("vintner-plan") == true, "\(name)") }
        #expect(seen["apply"]?.hasSuffix("vintner-destroy") == true)
    }

    @Test func googleAndAzureGetTheirOwnSettings() async throws {
        let seen = Mutex<[String: String]>([:])
        let account = Mutex<JSONValue?>(nil)
        let engine = ScriptedEngine(hook: { command in
            seen.withLock { $0 = command.environment }
            if let path = command.environment["GOOGLE_APPLICATION_CREDENTIALS"] {
                let data = try Files.read(path) ?? Data()
                account.withLock { $0 = try? JSONValue(parsing: data) }
            }
            return nil
        })
        var google = CloudAccess()
        google.workloadIdentityProvider = "projects/1/locations/global/workloadIdentityPools/p/providers/x"
        google.serviceAccount = "plan@data.iam.gserviceaccount.com"
        google.project = "data"
        try await run(
            Fixtures.order(identity: identity), FakeJobServices(engine: engine.run), access: google, provider: .gcp)
        #expect(seen.withLock { $0["GOOGLE_PROJECT"] } == "data")
        let file = try #require(account.withLock { $0 })
        #expect(file["type"] == "external_account" && file["token_url"] == "https://sts.test/v1/token")
        #expect(file["credential_source"]?["file"]?.stringValue?.hasSuffix("/identity/token") == true)
        #expect(
            file["service_account_impersonation_url"]?.stringValue?.contains("plan@data.iam") == true)

        var azure = CloudAccess()
        (azure.clientId, azure.tenantId, azure.subscriptionId) = ("client", "tenant", "subscription")
        try await run(
            Fixtures.order(identity: identity), FakeJobServices(engine: engine.run), access: azure, provider: .azure)
        let environment = seen.withLock { $0 }
        #expect(environment["ARM_USE_OIDC"] == "true" && environment["ARM_CLIENT_ID"] == "client")
        #expect(environment["ARM_OIDC_TOKEN_FILE_PATH"]?.hasSuffix("/identity/token") == true)
        #expect(environment["ARM_SUBSCRIPTION_ID"] == "subscription")
    }

    /// A vine must not choose where its token goes, nor what a cloud is recognized by.
    @Test(arguments: [
        (CloudProvider.aws, "AWS_ENDPOINT_URL_STS"), (.aws, "AWS_ENDPOINT_URL"), (.aws, "AWS_CONFIG_FILE"),
        (.aws, "AWS_SHARED_CREDENTIALS_FILE"), (.aws, "AWS_CA_BUNDLE"), (.azure, "AZURE_AUTHORITY_HOST"),
    ]) func aVineThatRedirectsItsTokenFails(_ provider: CloudProvider, _ name: String) async throws {
        for type in [JobType.plan, .connectionTest] {
            let cloud = FakeCloud()
            let options = type == .connectionTest ? RunOptions(testedPhase: .plan) : nil
            let order = Fixtures.order(
                type, environment: [name: "https://evil.example.com"], options: options, identity: identity)
            try await run(order, FakeJobServices(engine: ScriptedEngine().run), cloud: cloud, provider: provider)
            let report = await trellis.lastReport
            #expect(report?.status == .failed && report?.errorMessage?.contains(name) == true)
            #expect(cloud.roles.isEmpty)
        }
        #expect(!IdentityRules.refused(by: .aws).contains("AWS_ENDPOINT_URL_S3"))
    }

    @Test func aConnectionTestRunsNoEngine() async throws {
        let services = FakeJobServices(engine: ScriptedEngine().run)
        let order = Fixtures.order(
            .connectionTest, options: RunOptions(testedPhase: .plan), identity: identity)
        try await run(order, services)
        let report = try #require(await trellis.lastReport)
        #expect(report.status == .success && services.phases.isEmpty)
        let connection = report.executionMetadata?["connection"]
        #expect(connection?["account"] == "111122223333" && connection?["region"] == "eu-west-1")
        #expect(
            services.notes.contains {
                $0.hasPrefix("Connected as arn:aws:sts::111122223333:assumed-role/vintner-plan/vintner, account")
            })
        #expect(report.executionMetadata?["state_kept_by"] == nil)
        #expect(await !trellis.calls.contains { $0.hasPrefix("lock") })
    }

    /// A Tendril that was killed: the next one removes what it left, also if the job is over.
    @Test func filesOfAKilledTendrilAreRemoved() async throws {
        let gate = Gate()
        let services = FakeJobServices(
            engine: ScriptedEngine(hook: { command in
                if command.name == "plan" { await gate.pass() }
                return nil
            }).run)
        await trellis.giveTokens { phase, number in Self.token(phase, number) }
        let order = Fixtures.order(identity: identity)
        await trellis.grant(order)
        var host = Fixtures.host(place, trellis, services)
        host.sleeper = .system
        host.cloud = FakeCloud()
        let first = try JobRunner(order, host: host)
        let running = Task { await first.run() }
        await gate.someone()
        running.cancel()
        await running.value
        #expect(place.tree.contains { $0.hasSuffix("identity/token") })
        let hidden = KeptTokens.load(from: host.folder(of: order.jobId))
        #expect(hidden == KeptTokens.texts(of: Self.token().token), "a restarted Tendril still masks it")
        gate.open()
        let second = try #require(try JobRunner(resuming: host.folder(of: order.jobId), host: host))
        await second.run()
        #expect(await trellis.lastReport?.status == .success)
        #expect(!place.tree.contains { $0.contains("identity/") || $0.hasSuffix("tokens.json") })
    }
}

import Crypto
import Domain
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import LiveFeed
import Logging
import NIOCore
import OpenID
import Postgres
import PostgresCluster
import Prometheus
import Storage
import StoragePostgres
import StorageSQLite
import Synchronization
import Testing
import Wire

@testable import Trellis

/// A whole Trellis on a database of its own, with a clock that the test holds.
final class TrellisHarness: Sendable {
    let parts: TrellisComponents
    let folder: String
    let token: String
    let clock: TestClock

    var store: any Store { parts.store }

    private init(parts: TrellisComponents, folder: String, token: String, clock: TestClock) {
        (self.parts, self.folder, self.token, self.clock) = (parts, folder, token, clock)
    }

    /// Runs `body` against the router, without sockets.
    static func run(
        limits: TrellisLimits = TrellisLimits(), providers: [OpenIDProvider] = [],
        metrics: PrometheusRegistry? = nil,
        _ body: @Sendable (TrellisHarness, API) async throws -> Void
    ) async throws {
        let harness = try await make(limits: limits, providers: providers, metrics: metrics)
        let application = Application(router: try await harness.parts.router(), logger: quiet)
        try await application.test(.router) { client in
            try await body(harness, API(client: client, token: harness.token))
        }
        try await harness.store.close()
        try FileManager.default.removeItem(atPath: harness.folder)
    }

    static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    static func make(
        limits: TrellisLimits = TrellisLimits(), port: Int = 80, providers: [OpenIDProvider] = [],
        metrics: PrometheusRegistry? = nil
    ) async throws -> TrellisHarness {
        let clock = TestClock()
        let ambient = SystemDependencies(now: { clock.now }, randomBytes: SystemDependencies.system.randomBytes)
        let folder = FileManager.default.temporaryDirectory.path + "/trellis-\(UUID().uuidString)"
        let data = try DataFolder(folder)
        let vault = try data.vault(ambient)
        let bus = LocalChangeBus()
        let store = try await openStore(in: data, vault: vault, onChange: bus.publish)
        let feeds = Feeds(store: store, limits: limits.feed, ambient: ambient)
        bus.subscribe(feeds.changed)
        let credentials = Credentials(ambient: ambient)
        let token = try data.adminToken(credentials)
        try await store.setToken(hash: Credentials.hash(token), name: "admin", at: ambient.now())
        var configuration = TrellisConfiguration(
            port: port, database: "sqlite:unused", dataFolder: folder, limits: limits)
        configuration.passwordCost = PasswordHash.Cost(rounds: 16, blockSize: 8, parallelism: 1)
        configuration.providers = providers
        configuration.metrics = metrics
        configuration.issuer = try IssuerConfiguration(
            url: "https://vintner.example.com", subject: try TokenSubject(),
            tokenLifetime: IssuerConfiguration.standardLifetime)
        let parts = TrellisComponents(
            configuration: configuration, store: store, vault: vault, feeds: feeds, ambient: ambient,
            credentials: credentials)
        return TrellisHarness(parts: parts, folder: folder, token: token, clock: clock)
    }

    /// Which engine the tests run on: PostgreSQL where the environment says `VINTNER_TEST_DATABASE=postgres`.
    static let isOnPostgres = ProcessInfo.processInfo.environment["VINTNER_TEST_DATABASE"] == "postgres"

    private static func openStore(
        in data: DataFolder, vault: Vault, onChange: @escaping ChangeObserver
    ) async throws -> any Store {
        guard isOnPostgres else {
            return try await SQLiteStore.open(path: data.file("test.sqlite"), vault: vault, onChange: onChange)
        }
        var settings = PostgresSettings(address: try PostgresCluster.shared.get().createSchema())
        settings.maxConnections = 4
        return try await PostgresStore.open(settings, vault: vault, onChange: onChange)
    }
}

/// A clock that stands still until it is moved.
final class TestClock: Sendable {
    private let time = Mutex(Timestamp(milliseconds: 1_800_000_000_000))

    var now: Timestamp { time.withLock { $0 } }

    func advance(seconds: Int64) { time.withLock { $0 = $0.advanced(by: seconds * 1000) } }
}

/// The API as a client of it sees it.
struct API: Sendable {
    var client: any TestClientProtocol
    var token: String
    /// Sent instead of the token.
    var headers: HTTPFields?

    func call(
        _ method: HTTPRequest.Method, _ uri: String, _ body: String? = nil, headers extra: HTTPFields = [:]
    ) async throws -> Reply {
        var all = headers ?? [.authorization: "Bearer \(token)"]
        for field in extra { all[field.name] = field.value }
        return try await client.execute(
            uri: uri, method: method, headers: all, body: body.map { ByteBuffer(string: $0) }
        ) { response in
            Reply(status: response.status.code, headers: response.headers, body: Data(response.body.readableBytesView))
        }
    }

    func get(_ uri: String) async throws -> Reply { try await call(.get, uri) }
    func post(_ uri: String, _ body: String = "{}") async throws -> Reply { try await call(.post, uri, body) }
    func put(_ uri: String, _ body: String) async throws -> Reply { try await call(.put, uri, body) }

    /// The same server, without any credential.
    var stranger: API { API(client: client, token: "", headers: [:]) }

    /// The same server, as a Tendril.
    func tendril(_ worker: RegisterWorkerResponse) throws -> API {
        API(
            client: client, token: "",
            headers: [
                headerName(WorkerHeader.id): worker.workerId.rawValue,
                headerName(WorkerHeader.token): worker.workerToken,
            ])
    }
}

struct Reply: Sendable {
    var status: Int
    var headers: HTTPFields
    var body: Data

    var text: String { String(decoding: body, as: UTF8.self) }
    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        try WireJSON.decode(type, from: body, maxDepth: JSONDepth.trusted)
    }
    /// The sentence of an error.
    var error: String? { try? decode(ErrorResponse.self).error }
}

extension API {
    static let vine = """
        {"project_name": "orchard", "environment_stage": "dev", "variables": {"rows": 4},
         "sensitive_variables": {"db_password": "hunter2-hunter2"},
         "source": {"type": "inline", "files": {"main.tf": "resource \\"terraform_data\\" \\"x\\" {}"}}}
        """

    /// An identity in AWS, as it is created.
    static func identity(_ name: String, in vineyard: VineyardID = Vineyard.defaultID) -> String {
        """
        {"name": "\(name)", "vineyard_id": "\(vineyard)", "provider": "aws",
         "plan": {"role_arn": "arn:aws:iam::111122223333:role/vintner-plan", "region": "eu-west-1"},
         "apply": {"role_arn": "arn:aws:iam::111122223333:role/vintner-apply"}}
        """
    }

    func makeVine(_ project: String = "orchard") async throws -> VineResponse {
        try await post("/api/vines", Self.vine.replacing("orchard", with: project)).decode(VineResponse.self)
    }

    func makeJob(_ type: JobType = .plan, on vine: VineID) async throws -> JobResponse {
        try await post("/api/jobs", #"{"job_type": "\#(type.rawValue)", "vine_id": "\#(vine)"}"#).decode(
            JobResponse.self)
    }

    /// A registered Tendril that has said what it can do.
    func makeTendril(_ name: String = "tendril-1") async throws -> API {
        let worker = try await post("/api/workers", #"{"name": "\#(name)"}"#).decode(RegisterWorkerResponse.self)
        let tendril = try tendril(worker)
        #expect(try await tendril.beat().status == 200)
        return tendril
    }

    func beat(leases: String = "[]") async throws -> Reply {
        try await post(
            "/api/workers/heartbeat",
            """
            {"version": "test", "slots": 1, "draining": false, "run_root": "/run",
             "engines": [{"name": "terraform", "version": "1.15.5", "platform": "linux_amd64"}], "leases": \(leases)}
            """)
    }

    func claim() async throws -> ClaimResponse { try await post("/api/jobs/claim").decode(ClaimResponse.self) }

    func report(_ order: ClaimResponse, _ fields: String) async throws -> Reply {
        try await put("/api/jobs/\(order.jobId)/status", #"{"epoch": \#(order.epoch), \#(fields)}"#)
    }

    static let start = """
        "status": "PROCESSING", "run_root": "/run",
        "engine": {"name": "terraform", "version": "1.15.5", "platform": "linux_amd64"}
        """

    func append(_ order: ClaimResponse, n: Int, _ text: String, stream: String = "STDOUT") async throws -> Reply {
        let chunk = String(decoding: try JSONEncoder().encode(text), as: UTF8.self)
        return try await post(
            "/api/jobs/\(order.jobId)/logs",
            #"{"epoch": \#(order.epoch), "n": \#(n), "chunks": [{"stream_type": "\#(stream)", "log_chunk": \#(chunk)}]}"#
        )
    }

    func saveArtifact(_ order: ClaimResponse, _ bytes: String = "artifact") async throws -> Reply {
        let digest = SHA256.hash(data: Data(bytes.utf8)).hexadecimal
        return try await call(
            .put, "/api/jobs/\(order.jobId)/artifact?epoch=\(order.epoch)", bytes,
            headers: [headerName("X-Content-SHA256"): digest])
    }

    /// Brings a PLAN from the queue to SUCCESS.
    func finishPlan(_ order: ClaimResponse) async throws {
        #expect(try await report(order, Self.start).status == 200)
        #expect(try await saveArtifact(order).status == 204)
        #expect(try await report(order, #""status": "SUCCESS", "engine_state": "GONE""#).status == 200)
    }
}

extension AccessStore {
    /// A session that begins a moment before it is used.
    func createSession(hash: Data, user: String, expiresAt: Timestamp) async throws {
        try await createSession(
            NewSession(
                hash: hash, user: user, method: .link, createdAt: expiresAt.advanced(by: -60_000), expiresAt: expiresAt)
        )
    }
}

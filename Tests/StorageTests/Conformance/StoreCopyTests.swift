import Crypto
import Domain
import Foundation
import Postgres
import Synchronization
import Testing

@testable import Storage
@testable import StoragePostgres
@testable import StorageSQLite

/// Copying between engines, both ways.
@Suite struct StoreCopyTests {
    struct Direction: Sendable, CustomTestStringConvertible {
        var source: StoreEngine
        var target: StoreEngine

        var testDescription: String { "\(source.name) to \(target.name)" }

        static let all = [
            Direction(source: .sqlite, target: .postgres), Direction(source: .postgres, target: .sqlite),
        ]
    }

    /// Runs `body` with a store that has a little of everything, and an empty folder for another.
    private func run(
        _ direction: Direction,
        _ body: (_ source: any CopyableStore, _ bench: StoreFixture, _ folder: URL) async throws -> Void
    ) async throws {
        try await direction.source.run { bench in
            try await fill(bench)
            try await bench.store.close()
            let source = try await open(direction.source, bench.folder)
            do {
                try await TemporaryFolder.with { folder in try await body(source, bench, folder) }
            } catch {
                try? await source.close()
                throw error
            }
            try await source.close()
        }
    }

    private static let secrets = VineSecrets(variables: ["password": .string("s3cret-value")])

    private func fill(_ bench: StoreFixture) async throws {
        let vine = try await bench.vine(project: "Wärmehaus")
        var renamed = try await bench.store.updateVine(vine, secrets: Self.secrets)
        _ = try await bench.job(of: renamed)
        renamed.settings.projectName = "Glasshouse"
        renamed = try await bench.store.updateVine(renamed, secrets: Self.secrets)
        _ = try await bench.store.deleteVine(bench.vine(project: "gone").id, isConfirmed: true, at: StoreFixture.at(3))
        try await bench.store.record(AuditTests.event(vine: vine.id, job: StoreFixture.newID()))
        _ = try await bench.store.sealAuditEvents(limit: 10)
        try await bench.store.record(AuditTests.event())
        let planned = try await bench.vine()
        let plan = try await bench.plan(of: planned)
        // The plan's DEPLOY is in its order before the plan, as if a clock had been set back.
        let deploy = try await bench.running(.deploy, of: planned, plan: plan.id)
        try await bench.append(1, [.stdout("one\u{0}\n"), .stderr("two\n")], to: deploy)
        let long = try await bench.running()
        for n in 1...6 {
            let text = String(repeating: "\u{1b}[32mcolored line \(n)\u{1b}[0m\n", count: 2_000)
            try await bench.append(Int64(n), [.stdout(text)], to: long)
        }
        let errors = StoredError.list([
            Diagnostic(summary: "Denied: \u{0}", address: "x.a", file: "main.tf", line: 1, logLine: 2),
            Diagnostic(summary: "Slow: no"),
        ])
        _ = try await bench.store.change(
            long.id, [.fail(epoch: 1, engineKnown: true)], facts: JobFields(errors: errors), at: StoreFixture.at(9))
        while try await bench.store.compact(long.id) {}
        let lock = StateLock(
            vine: plan.vine, id: "lock", job: nil, holder: "ana", info: "{}", createdAt: StoreFixture.at(4))
        try await bench.store.lockState(lock, lease: nil)
        for serial in 1...3 {
            let state = Data("state \(serial)".utf8)
            _ = try await bench.store.saveState(
                state, of: plan.vine, position: StatePosition(lineage: "a", serial: Int64(serial)), resources: serial,
                sha256: state.sha256, job: nil, lockID: "lock", at: StoreFixture.at(5))
        }
        try await bench.store.savePlanChanges(
            PlanChangesPart(
                changes: [
                    PlanChangeRecord(
                        change: PlanChange(n: 1, address: "x.a", module: "", type: "x", action: .create), digest: "d",
                        detail: ["diff": []])
                ], summary: ["total": 1], isFirst: true), of: deploy.id, epoch: 1)
        try await bench.store.saveResources(
            [
                RunResource(address: "x.a", action: .create, state: .running),
                RunResource(address: "x.b", action: .update, state: .done),
            ], graph: RunGraph(), of: deploy.id, epoch: 1)
        let progress = RunProgress([], graph: RunGraph(), history: RunHistory([]), at: StoreFixture.at(5))
        try await bench.store.saveProgress(progress, of: deploy.id)
        try await bench.store.saveForecastResult(
            ForecastResult(
                job: plan.id, vine: plan.vine, startedAt: StoreFixture.at(3), madeAt: StoreFixture.at(4),
                expectedAt: StoreFixture.at(6), endedAt: StoreFixture.at(5)))
        let tendril = try #require(try await bench.store.tendrils().first)
        try await bench.store.heartbeat(
            tendril.id, offer: tendril.offer, draining: true,
            leases: [Lease(job: deploy.id, worker: tendril.id, epoch: 1)], at: StoreFixture.at(86_401))
        try await bench.store.setToken(hash: Data([1]), name: "admin", at: StoreFixture.at(1))
        let identity = ExternalIdentity(issuer: "https://id.example.com", subject: "42")
        _ = try await bench.store.signIn(
            identity, names: ["ana"], groups: ["ops"], newID: StoreFixture.newID(), at: StoreFixture.at(1))
        try await bench.store.createToken(
            NewToken(
                hash: Data([4]), name: "ci", owner: "ana", scopes: [.jobsRead], expiresAt: StoreFixture.at(99)),
            at: StoreFixture.at(1))
        var session = NewSession.of("ana", hash: Data([2]), until: StoreFixture.at(99))
        session.refreshToken = "refresh"
        try await bench.store.createSession(session)
        try await bench.store.createSignInLink(hash: Data([3]), user: "ana", expiresAt: StoreFixture.at(99))
    }

    private func open(_ engine: StoreEngine, _ folder: URL) async throws -> any CopyableStore {
        if engine.name == StoreEngine.sqlite.name {
            return try await SQLiteStore.openForCopy(path: folder.appending(path: "vintner.sqlite").path)
        }
        return try await PostgresStore.openForCopy(PostgresSettings(address: PostgresSchemas.address(for: folder)))
    }

    private func everything(_ store: any CopyableStore) async throws -> [String: [[CopiedValue]]] {
        var found: [String: [[CopiedValue]]] = [:]
        for table in try await store.copiedTables() {
            var last: [CopiedValue]?
            while case let rows = try await store.rows(of: table, after: last), let end = rows.last {
                found[table.name, default: []] += rows
                last = table.key(of: end)
            }
        }
        return found
    }

    @Test(arguments: Direction.all) func everythingIsCopiedAndUsable(_ direction: Direction) async throws {
        try await run(direction) { source, bench, folder in
            let target = try await open(direction.target, folder)
            let said = Mutex<[String]>([])
            try await StoreCopy(from: source, to: target) { text in said.withLock { $0.append(text) } }.run()
            let (ours, theirs) = (try await everything(source), try await everything(target))
            #expect(ours == theirs)
            // Nearly every table has rows.
            #expect(ours.count > 15)
            try await target.close()
            #expect(said.withLock { $0 }.contains { $0.contains("have the same digests") })

            let store = try await direction.target.open(folder, bench.vault) { _ in }
            let jobs = try await store.jobs(JobQuery(), limit: 100, cursor: nil).items
            let deploy = try #require(jobs.first { $0.type == .deploy })
            let renamed = try await store.jobs(JobQuery(text: "wärmehaus"), limit: 9, cursor: nil).items.map(\.vine)
            #expect(renamed.count == 1)
            for vine in renamed { #expect(try await store.vineSecrets(vine).variables == Self.secrets.variables) }
            let chunks = try await store.chunks(of: deploy.id, after: 0, maxBytes: 1 << 20, maxRows: 100)
            #expect(chunks.map(\.text).contains("one\u{0}\n"))
            // The log goes on where it was.
            let receipt = try await store.append(
                LogAppend(job: deploy.id, epoch: 1, n: 2, chunks: [.stdout("three\n")]), at: StoreFixture.at(9))
            #expect(receipt.seq == (chunks.last?.seq ?? 0) + 1)
            let more = try await store.chunks(of: deploy.id, after: receipt.seq - 1, maxBytes: 1, maxRows: 1)
            #expect(try #require(more.first).id > (chunks.map(\.id).max() ?? 0))
            // So does the audit log.
            try await store.record(AuditTests.event())
            #expect(try await store.sealAuditEvents(limit: 10) == 2)
            var chain = AuditChain()
            #expect(try await store.checkAuditEvents(&chain, limit: 10))
            try await store.close()
        }
    }

    /// Wherever it is interrupted: Trellis refuses the target, and the next run completes it.
    @Test(arguments: Direction.all) func anInterruptedCopyContinues(_ direction: Direction) async throws {
        try await run(direction) { source, bench, folder in
            let expected = try await everything(source)
            for stop in [1, 5, 7] {
                let target = try await open(direction.target, folder)
                await #expect(throws: CancellationError.self) {
                    try await interrupted(after: stop) { report in
                        try await StoreCopy(from: source, to: target, report: report).run()
                    }
                }
                try await target.close()
                let error = await #expect(throws: StorageError.self) {
                    _ = try await direction.target.open(folder, bench.vault) { _ in }
                }
                #expect(error?.reason.contains("unfinished copy") == true)
            }
            let target = try await open(direction.target, folder)
            try await StoreCopy(from: source, to: target, report: { _ in }).run()
            #expect(try await everything(target) == expected)
            // Once it is complete, it is a database like any other, and not copied over.
            let error = await #expect(throws: StorageError.self) {
                try await StoreCopy(from: source, to: target, report: { _ in }).run()
            }
            #expect(error?.reason.contains("must be empty") == true)
            try await target.close()
        }
    }

    /// Runs `body` in a task that is canceled at its `count`th report.
    private func interrupted(
        after count: Int, _ body: @escaping @Sendable (@escaping @Sendable (String) -> Void) async throws -> Void
    ) async throws {
        let reports = Mutex(0)
        let task = Mutex<Task<Void, any Error>?>(nil)
        let (started, start) = AsyncStream<Void>.makeStream()
        let running = Task {
            for await _ in started {}
            try await body { _ in
                let isLast = reports.withLock { reports in
                    reports += 1
                    return reports == count
                }
                if isLast { task.withLock { $0?.cancel() } }
            }
            // A copy that was canceled at its very end is complete, except for its mark.
            try Task.checkCancellation()
        }
        task.withLock { $0 = running }
        start.finish()
        try await running.value
    }

    /// A row that differs on the other side is found.
    @Test func aDifferenceIsFound() async throws {
        try await run(Direction.all[0]) { source, bench, folder in
            let target = try #require(try await open(.postgres, folder) as? PostgresStore)
            await #expect(throws: CancellationError.self) {
                try await interrupted(after: 17) { report in
                    try await StoreCopy(from: source, to: target, report: report).run()
                }
            }
            try await target.write { db, _ in db.run("UPDATE workers SET version = 'another'") }
            let error = await #expect(throws: StorageError.self) {
                try await StoreCopy(from: source, to: target, report: { _ in }).run()
            }
            #expect(error?.kind == .corrupt && error?.reason.contains("workers") == true)
            try await target.close()
        }
    }
}

import Domain
import Foundation
import Storage
import Testing

/// Vines.
@Suite struct VineTests {
    @Test(arguments: StoreEngine.all) func storesEveryField(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            var vine = try await bench.vine()
            #expect(try await bench.store.vine(vine.id) == vine)
            vine.id = StoreFixture.newID()
            let fraction = try #require(JSONNumber("2.50"))
            let large = try #require(JSONNumber("98765432109876543210"))
            vine.settings = VineSettings(
                projectName: "Größe", environmentStage: "p\u{0}q", region: "eu-1",
                variables: [
                    "list": [1, .number(fraction), .number(large), "x", true, .null], "map": ["a": ["b": "c"]],
                ],
                sensitiveVariables: ["password"], environment: ["A": "b"], sensitiveEnvironment: ["TOKEN"],
                engine: .tofu, source: .git(url: "https://example.org/x.git", ref: "main", path: "infra"),
                origin: "git:example.org/x//infra")
            let secrets = VineSecrets(variables: ["password": ["deep": "value"]], environment: ["TOKEN": "t0ken"])
            try await bench.store.createVine(vine, secrets: secrets)
            #expect(try await bench.store.vine(vine.id) == vine)
            #expect(try await bench.store.vineSecrets(vine.id) == secrets)
            await expectRefusal(.conflict) { [vine] in
                try await bench.store.createVine(vine, secrets: VineSecrets())
            }
            vine.id = StoreFixture.newID()
            vine.settings.environmentStage = "files"
            vine.settings.source = .inline(
                files: [
                    "a/run.sh": InlineFile("#!/bin/sh\n", isExecutable: true),
                    "a/logo": InlineFile("/wCA", encoding: .base64), "a/main.tf": "x",
                ], path: "a")
            try await bench.store.createVine(vine, secrets: secrets)
            #expect(try await bench.store.vine(vine.id) == vine)
            await expectRefusal(.notFound) { _ = try await bench.store.vineSecrets(StoreFixture.newID()) }
            #expect(try await bench.store.vine(StoreFixture.newID()) == nil)
        }
    }

    @Test(arguments: StoreEngine.all) func theFirstUpdateWins(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            var mine = vine
            mine.settings.region = "eu-1"
            mine.updatedAt = StoreFixture.at(5)
            mine.createdBy = "somebody else"
            let secrets = VineSecrets(environment: ["TOKEN": "t0ken-value"])
            let updated = try await bench.store.updateVine(mine, secrets: secrets)
            #expect(updated.revision == 2)
            #expect(updated.settings.region == "eu-1")
            #expect(updated.updatedAt == StoreFixture.at(5))
            #expect(updated.createdBy == "ana")
            #expect(try await bench.store.vine(vine.id) == updated)
            #expect(try await bench.store.vineSecrets(vine.id) == secrets)
            await expectRefusal(.conflict) { _ = try await bench.store.updateVine(vine, secrets: VineSecrets()) }
            #expect(try await bench.store.vineSecrets(vine.id) == secrets)
            var nobody = vine
            nobody.id = StoreFixture.newID()
            await expectRefusal(.notFound) { [nobody] in
                _ = try await bench.store.updateVine(nobody, secrets: VineSecrets())
            }
        }
    }

    @Test(arguments: StoreEngine.all) func aNameIsTakenOnce(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let first = try await bench.vine(project: "Brücke", stage: "prod")
            await expectRefusal(.conflict, saying: first.id.rawValue) {
                _ = try await bench.vine(project: "brücke", stage: "Prod")
            }
            let other = try await bench.vine(project: "Brücke", stage: "test")
            var renamed = other
            renamed.settings.environmentStage = "prod"
            await expectRefusal(.conflict, saying: first.id.rawValue) { [renamed] in
                _ = try await bench.store.updateVine(renamed, secrets: VineSecrets())
            }
            #expect(try await bench.store.vine(other.id) == other)
            // Its own name is no conflict, in whatever case, and a deleted vine's name is free.
            renamed.settings.environmentStage = "TEST"
            _ = try await bench.store.updateVine(renamed, secrets: VineSecrets())
            try await bench.store.deleteVine(first.id, at: StoreFixture.at(9))
            _ = try await bench.vine(project: "Brücke", stage: "prod")
        }
    }

    @Test(arguments: StoreEngine.all) func oneOfManyTakesAName(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let made = await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<20 {
                    group.addTask { (try? await bench.vine(project: "contested", stage: "x")) != nil }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(made == 1)
        }
    }

    @Test(arguments: StoreEngine.all) func deletingHides(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            let job = try await bench.ended(of: vine)
            try await bench.store.deleteVine(vine.id, at: StoreFixture.at(9))
            #expect(try await bench.store.vine(vine.id) == nil)
            #expect(try await bench.store.vines(text: nil, limit: 9, cursor: nil).items.isEmpty)
            #expect(try await bench.store.job(job.id) == job)
            await expectRefusal(.notFound) { _ = try await bench.store.vineSecrets(vine.id) }
            await expectRefusal(.notFound) { try await bench.store.deleteVine(vine.id, at: StoreFixture.at(10)) }
            await expectRefusal(.notFound) { _ = try await bench.store.updateVine(vine, secrets: VineSecrets()) }
        }
    }

    @Test(arguments: StoreEngine.all) func isNotDeletedWhileInUse(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            func refuse(saying text: String) async {
                await expectRefusal(.conflict, saying: text) {
                    try await bench.store.deleteVine(vine.id, at: StoreFixture.at(9))
                }
            }
            let queued = try await bench.job(of: vine)
            await refuse(saying: queued.id.rawValue)
            try await bench.change(queued.id, .cancel)
            let running = try await bench.running(of: vine)
            await refuse(saying: running.id.rawValue)
            try await bench.change(running.id, .cancel)
            await refuse(saying: running.id.rawValue)
            try await bench.change(running.id, .engineEnded(epoch: 1, known: true))
            let lock = StateLock(
                vine: vine.id, id: "l", job: nil, holder: "ben", info: "", createdAt: StoreFixture.at(1))
            try await bench.store.lockState(lock, lease: nil)
            await refuse(saying: "ben")
            try await bench.store.unlockState(of: vine.id, id: "l")
            try await bench.store.deleteVine(vine.id, at: StoreFixture.at(9))
        }
    }

    @Test(arguments: StoreEngine.all) func goesWithResourcesOnlyWhenConfirmed(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            func save(_ text: String, _ serial: Int64, resources: Int?, of vine: Vine) async throws {
                let bytes = Data(text.utf8)
                _ = try await bench.store.saveState(
                    bytes, of: vine.id, position: StatePosition(lineage: "a", serial: serial), resources: resources,
                    sha256: bytes.sha256, job: nil, lockID: nil, at: StoreFixture.at(serial))
            }
            func facts(_ vine: Vine) async throws -> VineResources? {
                try await bench.store.vineFacts([vine.id])[vine.id]?.resources
            }
            func delete(_ vine: Vine, isConfirmed: Bool = false) async throws -> VineResources? {
                try await bench.store.deleteVine(vine.id, isConfirmed: isConfirmed, at: StoreFixture.at(50))
            }
            let vine = try await bench.vine()
            #expect(try await facts(vine) == VineResources.none)
            try await save("three", 1, resources: 3, of: vine)
            #expect(try await facts(vine) == .stored(3))
            #expect(try await delete(vine) == .stored(3))
            try await save("unknown", 2, resources: nil, of: vine)
            #expect(try await delete(vine) == .stored(nil))
            let newest = try #require(try await bench.store.stateVersions(of: vine.id).first)
            try await bench.store.recordResources(2, of: newest)
            #expect(try await delete(vine) == .stored(2))
            #expect(try await bench.store.vine(vine.id) == vine)
            try await save("none", 3, resources: 0, of: vine)
            #expect(try await delete(vine) == nil)
            #expect(try await bench.store.vine(vine.id) == nil)
            #expect(try await bench.store.anyVine(vine.id)?.deletedAt == StoreFixture.at(50))
            #expect(try await bench.store.deletedVines(limit: 9, cursor: nil).items.map(\.id) == [vine.id])
            #expect(try await bench.store.stateVersions(of: vine.id).count == 3)

            let other = try await bench.vine()
            try await save("one", 1, resources: 1, of: other)
            #expect(try await delete(other, isConfirmed: true) == nil)
            #expect(try await bench.store.anyVine(other.id)?.deletedAt != nil)
        }
    }

    @Test(arguments: StoreEngine.all) func factsTellTheNewestJobAndWhoHoldsTheLock(
        _ engine: StoreEngine
    ) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            func facts() async throws -> VineFacts? { try await bench.store.vineFacts([vine.id])[vine.id] }
            #expect(try await facts() == VineFacts())
            let old = try await bench.job(of: vine, at: -2000)
            try await bench.change(old.id, .cancel)
            #expect(try await facts()?.lastJob?.id == old.id)
            let running = try await bench.running(of: vine)
            #expect(try await facts()?.lastJob?.status == .processing)
            let id = "\(running.id):1"
            let lock = StateLock(
                vine: vine.id, id: id, job: running.id, holder: "tendril", info: "", createdAt: StoreFixture.at(3))
            let worker = try #require(running.state.worker)
            try await bench.store.lockState(lock, lease: Lease(job: running.id, worker: worker, epoch: 1))
            #expect(try await facts()?.isLockAtWork == true)
            try await bench.change(running.id, .cancel)
            #expect(try await facts()?.isLockAtWork == true)
            try await bench.change(running.id, .engineEnded(epoch: 1, known: true))
            #expect(try await facts()?.isLockAtWork == false)
            #expect(try await facts()?.lock?.id == id)
            #expect(try await facts()?.lastJob?.status == .cancelled)
        }
    }

    @Test(arguments: StoreEngine.all) func isFoundAsItsRowShowsIt(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine(project: "Frost", stage: "demo", at: 1)
            let slashed = try await bench.vine(project: "team/a", stage: "x / y", at: 2)
            _ = try await bench.vine(project: "frosty", stage: "demon", at: 3)
            let job = try await bench.job(of: vine)
            for text in ["Frost / demo", "frost/demo", "FROST /demo", "ost / de", "frost / "] {
                let vines = try await bench.store.vines(text: text, limit: 9, cursor: nil).items
                #expect(vines.contains { $0.id == vine.id }, "\(text)")
                let jobs = try await bench.store.jobs(JobQuery(text: text), limit: 9, cursor: nil).items
                #expect(jobs.map(\.id) == [job.id], "\(text)")
            }
            for text in ["team/a / x / y", "team / a/x/y", "a/x"] {
                let vines = try await bench.store.vines(text: text, limit: 9, cursor: nil).items
                #expect(vines.map(\.id) == [slashed.id], "\(text)")
            }
            #expect(try await bench.store.vines(text: "frost / prod", limit: 9, cursor: nil).items.isEmpty)
        }
    }

    @Test(arguments: StoreEngine.all) func listsAndSearches(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let old = try await bench.vine(project: "Ärger", stage: "prod", at: 1)
            let new = try await bench.vine(project: "bank_a", stage: "TEST", at: 2)
            let newest = try await bench.vine(project: "bank", stage: "prod", at: 3)
            func found(_ text: String?) async throws -> [VineID] {
                try await bench.store.vines(text: text, limit: 9, cursor: nil).items.map(\.id)
            }
            #expect(try await found(nil) == [newest.id, new.id, old.id])
            #expect(try await found("") == [newest.id, new.id, old.id])
            #expect(try await found("äRG") == [old.id])
            #expect(try await found("test") == [new.id])
            #expect(try await found("k_") == [new.id])
            #expect(try await found("PROD") == [newest.id, old.id])
            let page = try await bench.store.vines(text: nil, limit: 2, cursor: nil)
            #expect(page.items.map(\.id) == [newest.id, new.id])
            let rest = try await bench.store.vines(text: nil, limit: 2, cursor: page.next)
            #expect(rest.items.map(\.id) == [old.id])
            #expect(rest.next == nil)
        }
    }
}

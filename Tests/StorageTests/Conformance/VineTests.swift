import Domain
import Foundation
import Storage
import Testing

/// Vines.
@Suite struct VineTests {
    @Test(arguments: StoreUnderTest.all) func storesEveryField(_ engine: StoreUnderTest) async throws {
        try await engine.run { bench in
            var vine = try await bench.vine()
            #expect(try await bench.store.vine(vine.id) == vine)
            vine.id = Bench.newID()
            vine.settings = VineSettings(
                projectName: "Größe", environmentStage: "p\u{0}q", region: "eu-1",
                variables: ["list": [1, .number(2.5), "x", true, .null], "map": ["a": ["b": "c"]]],
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
            vine.id = Bench.newID()
            vine.settings.environmentStage = "files"
            vine.settings.source = .inline(
                files: [
                    "a/run.sh": InlineFile("#!/bin/sh\n", isExecutable: true),
                    "a/logo": InlineFile("/wCA", encoding: .base64), "a/main.tf": "x",
                ], path: "a")
            try await bench.store.createVine(vine, secrets: secrets)
            #expect(try await bench.store.vine(vine.id) == vine)
            await expectRefusal(.notFound) { _ = try await bench.store.vineSecrets(Bench.newID()) }
            #expect(try await bench.store.vine(Bench.newID()) == nil)
        }
    }

    @Test(arguments: StoreUnderTest.all) func theFirstUpdateWins(_ engine: StoreUnderTest) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            var mine = vine
            mine.settings.region = "eu-1"
            mine.updatedAt = Bench.at(5)
            mine.createdBy = "somebody else"
            let secrets = VineSecrets(environment: ["TOKEN": "t0ken-value"])
            let updated = try await bench.store.updateVine(mine, secrets: secrets)
            #expect(updated.revision == 2)
            #expect(updated.settings.region == "eu-1")
            #expect(updated.updatedAt == Bench.at(5))
            #expect(updated.createdBy == "ana")
            #expect(try await bench.store.vine(vine.id) == updated)
            #expect(try await bench.store.vineSecrets(vine.id) == secrets)
            await expectRefusal(.conflict) { _ = try await bench.store.updateVine(vine, secrets: VineSecrets()) }
            #expect(try await bench.store.vineSecrets(vine.id) == secrets)
            var nobody = vine
            nobody.id = Bench.newID()
            await expectRefusal(.notFound) { [nobody] in
                _ = try await bench.store.updateVine(nobody, secrets: VineSecrets())
            }
        }
    }

    @Test(arguments: StoreUnderTest.all) func aNameIsTakenOnce(_ engine: StoreUnderTest) async throws {
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
            try await bench.store.deleteVine(first.id, at: Bench.at(9))
            _ = try await bench.vine(project: "Brücke", stage: "prod")
        }
    }

    @Test(arguments: StoreUnderTest.all) func oneOfManyTakesAName(_ engine: StoreUnderTest) async throws {
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

    @Test(arguments: StoreUnderTest.all) func deletingHides(_ engine: StoreUnderTest) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            let job = try await bench.ended(of: vine)
            try await bench.store.deleteVine(vine.id, at: Bench.at(9))
            #expect(try await bench.store.vine(vine.id) == nil)
            #expect(try await bench.store.vines(text: nil, limit: 9, cursor: nil).items.isEmpty)
            #expect(try await bench.store.job(job.id) == job)
            await expectRefusal(.notFound) { _ = try await bench.store.vineSecrets(vine.id) }
            await expectRefusal(.notFound) { try await bench.store.deleteVine(vine.id, at: Bench.at(10)) }
            await expectRefusal(.notFound) { _ = try await bench.store.updateVine(vine, secrets: VineSecrets()) }
        }
    }

    @Test(arguments: StoreUnderTest.all) func isNotDeletedWhileInUse(_ engine: StoreUnderTest) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            func refuse(saying text: String) async {
                await expectRefusal(.conflict, saying: text) {
                    try await bench.store.deleteVine(vine.id, at: Bench.at(9))
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
            let lock = StateLock(vine: vine.id, id: "l", job: nil, holder: "ben", info: "", createdAt: Bench.at(1))
            try await bench.store.lockState(lock, lease: nil)
            await refuse(saying: "ben")
            try await bench.store.unlockState(of: vine.id, id: "l")
            try await bench.store.deleteVine(vine.id, at: Bench.at(9))
        }
    }

    @Test(arguments: StoreUnderTest.all) func listsAndSearches(_ engine: StoreUnderTest) async throws {
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

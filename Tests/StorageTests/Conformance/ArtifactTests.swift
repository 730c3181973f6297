import Domain
import Foundation
import Storage
import Testing

/// Plan artifacts.
@Suite struct ArtifactTests {
    private func save(_ text: String, of job: Job, epoch: Int = 1, at seconds: Int64 = 5, in bench: StoreFixture)
        async throws
    {
        let bytes = Data(text.utf8)
        try await bench.store.saveArtifact(
            bytes, sha256: bytes.sha256, of: job.id, epoch: epoch, at: StoreFixture.at(seconds))
    }

    @Test(arguments: StoreEngine.all) func storesArtifactOnce(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let job = try await bench.running()
            #expect(try await bench.store.artifact(of: job.id) == nil)
            #expect(try await bench.store.artifactDigest(of: job.id) == nil)
            try await save("plan", of: job, in: bench)
            try await save("plan", of: job, in: bench)
            await expectRefusal(.conflict) { try await save("other", of: job, in: bench) }
            let stored = try #require(try await bench.store.artifact(of: job.id))
            #expect(stored.bytes == Data("plan".utf8))
            #expect(stored.sha256 == Data("plan".utf8).sha256)
            #expect(try await bench.store.artifactDigest(of: job.id) == stored.sha256)
            try await bench.change(job.id, .cancel)
            try await save("plan", of: job, in: bench)
        }
    }

    @Test(arguments: StoreEngine.all) func requiresLease(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let job = try await bench.running()
            await expectRefusal(.leaseLost) { try await save("plan", of: job, epoch: 2, in: bench) }
            await expectRefusal(.invalid) {
                try await bench.store.saveArtifact(
                    Data("plan".utf8), sha256: Data("p".utf8).sha256, of: job.id, epoch: 1, at: StoreFixture.at(5))
            }
            try await bench.change(job.id, .giveUp(epoch: 1))
            await expectRefusal(.leaseLost) { try await save("plan", of: job, in: bench) }
            #expect(try await bench.store.artifact(of: job.id) == nil)
            let bytes = Data("plan".utf8)
            await expectRefusal(.notFound) {
                try await bench.store.saveArtifact(
                    bytes, sha256: bytes.sha256, of: StoreFixture.newID(), epoch: 1, at: StoreFixture.at(5))
            }
        }
    }

    @Test(arguments: StoreEngine.all) func deletesWhatIsOlder(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let (old, edge) = (try await bench.running(), try await bench.running())
            try await save("old", of: old, at: 9, in: bench)
            try await save("edge", of: edge, at: 10, in: bench)
            #expect(try await bench.store.deleteArtifacts(before: StoreFixture.at(10)) == 1)
            #expect(try await bench.store.artifact(of: old.id) == nil)
            #expect(try await bench.store.artifact(of: edge.id) != nil)
            #expect(try await bench.store.deleteArtifacts(before: StoreFixture.at(10)) == 0)
        }
    }
}

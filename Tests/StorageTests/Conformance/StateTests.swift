import Domain
import Foundation
import Storage
import Testing

/// Versions of states.
@Suite struct StateTests {
    @discardableResult
    private func save(
        _ text: String, _ serial: Int64, lineage: String = "a", of vine: Vine, lock: String? = nil, job: JobID? = nil,
        at seconds: Int64 = 5, in bench: Bench
    ) async throws -> StateVersion {
        let bytes = Data(text.utf8)
        return try await bench.store.saveState(
            bytes, of: vine.id, position: StatePosition(lineage: lineage, serial: serial), sha256: bytes.sha256,
            job: job, lockID: lock, at: Bench.at(seconds))
    }

    private func lock(_ id: String, _ vine: Vine, in bench: Bench) async throws {
        let lock = StateLock(
            vine: vine.id, id: id, job: nil, holder: "holder of \(id)", info: "{}", createdAt: Bench.at(1))
        try await bench.store.lockState(lock, lease: nil)
    }

    private func current(_ vine: Vine, in bench: Bench) async throws -> String? {
        try await bench.store.currentState(of: vine.id).map { String(decoding: $0.bytes, as: UTF8.self) }
    }

    @Test(arguments: StoreUnderTest.all) func keepsAllVersions(_ engine: StoreUnderTest) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            let job = try await bench.running(of: vine)
            #expect(try await bench.store.currentState(of: vine.id) == nil)
            let one = try await save("one", 1, of: vine, job: job.id, in: bench)
            let two = try await save("two", 2, of: vine, at: 6, in: bench)
            #expect(
                one
                    == StateVersion(
                        vine: vine.id, number: 1, position: StatePosition(lineage: "a", serial: 1), job: job.id,
                        createdAt: Bench.at(5), sha256: Data("one".utf8).sha256, aside: false))
            #expect(two.number == 2)
            #expect(try await bench.store.stateVersions(of: vine.id) == [two, one])
            let newest = try #require(try await bench.store.currentState(of: vine.id))
            #expect(newest.version == two)
            #expect(newest.bytes == Data("two".utf8))
            let other = try await bench.vine()
            #expect(try await save("other", 9, of: other, in: bench).number == 1)
            #expect(try await current(vine, in: bench) == "two")
        }
    }

    @Test(arguments: StoreUnderTest.all) func theNewestAgainIsNotStoredAgain(_ engine: StoreUnderTest) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            let first = try await save("one", 1, of: vine, in: bench)
            _ = bench.seen.take()
            #expect(try await save("one", 1, of: vine, at: 9, in: bench) == first)
            #expect(bench.seen.take().isEmpty)
            #expect(try await bench.store.stateVersions(of: vine.id).count == 1)
            // Not the newest any more, so it is news.
            try await save("two", 2, of: vine, in: bench)
            try await save("one", 3, of: vine, in: bench)
            #expect(try await bench.store.stateVersions(of: vine.id).count == 3)
        }
    }

    @Test(arguments: StoreUnderTest.all) func refusesAnotherHistory(_ engine: StoreUnderTest) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            try await save("one", 5, of: vine, in: bench)
            await expectRefusal(.conflict, saying: "lineage") {
                try await save("two", 6, lineage: "b", of: vine, in: bench)
            }
            await expectRefusal(.conflict, saying: "serial") { try await save("two", 4, of: vine, in: bench) }
            #expect(try await current(vine, in: bench) == "one")
            try await save("same serial", 5, of: vine, in: bench)
        }
    }

    @Test(arguments: StoreUnderTest.all) func refusesWithoutTheLock(_ engine: StoreUnderTest) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            try await lock("l1", vine, in: bench)
            await expectRefusal(.locked, saying: "holder of l1") { try await save("x", 1, of: vine, in: bench) }
            await expectRefusal(.locked, saying: "holder of l1") {
                try await save("x", 1, of: vine, lock: "never", in: bench)
            }
            try await save("mine", 1, of: vine, lock: "l1", in: bench)
            #expect(try await current(vine, in: bench) == "mine")
        }
    }

    @Test(arguments: StoreUnderTest.all) func aBrokenLocksVersionsAreKeptAside(_ engine: StoreUnderTest) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            try await lock("old", vine, in: bench)
            try await save("one", 1, of: vine, lock: "old", in: bench)
            try await bench.store.breakStateLock(of: vine.id, id: "old")
            // Aside while the vine is free, and while somebody else has it; whatever its serial.
            let late = try await save("late", 2, of: vine, lock: "old", in: bench)
            #expect(late.aside)
            try await lock("new", vine, in: bench)
            let later = try await save("later", 0, lineage: "z", of: vine, lock: "old", in: bench)
            #expect(later.aside)
            #expect(try await bench.store.stateBytes(of: vine.id, number: late.number) == Data("late".utf8))
            #expect(try await bench.store.stateBytes(of: vine.id, number: 99) == nil)
            #expect(try await save("later", 0, lineage: "z", of: vine, lock: "old", in: bench) == later)
            #expect(try await current(vine, in: bench) == "one")
            let two = try await save("two", 2, of: vine, lock: "new", in: bench)
            #expect(!two.aside)
            #expect(try await current(vine, in: bench) == "two")
            #expect(try await bench.store.stateVersions(of: vine.id).map(\.aside) == [false, true, true, false])
            #expect(try await bench.store.stateVersions(of: vine.id).map(\.number) == [4, 3, 2, 1])
        }
    }

    @Test(arguments: StoreUnderTest.all) func aReleasedLocksVersionNeverOverwritesItsSuccessors(
        _ engine: StoreUnderTest
    ) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            try await lock("old", vine, in: bench)
            try await bench.store.unlockState(of: vine.id, id: "old")
            #expect(try await !save("free", 1, of: vine, lock: "old", in: bench).aside)
            try await lock("new", vine, in: bench)
            #expect(try await save("late", 2, of: vine, lock: "old", in: bench).aside)
            #expect(try await current(vine, in: bench) == "free")
        }
    }

    @Test(arguments: StoreUnderTest.all) func refusesWhatIsNotThere(_ engine: StoreUnderTest) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            let nobody = Vine(
                id: Bench.newID(), settings: vine.settings, createdBy: "", createdAt: Bench.at(0),
                updatedAt: Bench.at(0))
            await expectRefusal(.notFound) { try await save("x", 1, of: nobody, in: bench) }
            await expectRefusal(.notFound) { try await save("x", 1, of: vine, job: Bench.newID(), in: bench) }
            await expectRefusal(.invalid) {
                _ = try await bench.store.saveState(
                    Data("x".utf8), of: vine.id, position: StatePosition(lineage: "a", serial: 1),
                    sha256: Data("y".utf8).sha256, job: nil, lockID: nil, at: Bench.at(1))
            }
            #expect(try await bench.store.stateVersions(of: vine.id).isEmpty)
        }
    }

    @Test(arguments: StoreUnderTest.all) func aDeletedVineStillTakesWhatItsHolderDid(
        _ engine: StoreUnderTest
    ) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            try await lock("old", vine, in: bench)
            try await bench.store.breakStateLock(of: vine.id, id: "old")
            try await bench.store.deleteVine(vine.id, at: Bench.at(3))
            #expect(try await save("late", 1, of: vine, lock: "old", in: bench).aside)
            #expect(try await bench.store.stateVersions(of: vine.id).count == 1)
        }
    }
}

import Domain
import Foundation
import Storage
import Testing

/// Versions of states.
@Suite struct StateTests {
    @discardableResult
    private func save(
        _ text: String, _ serial: Int64, lineage: String = "a", of vine: Vine, lock: String? = nil, job: JobID? = nil,
        at seconds: Int64 = 5, in bench: StoreFixture
    ) async throws -> StateVersion {
        let bytes = Data(text.utf8)
        return try await bench.store.saveState(
            bytes, of: vine.id, position: StatePosition(lineage: lineage, serial: serial), sha256: bytes.sha256,
            job: job, lockID: lock, at: StoreFixture.at(seconds))
    }

    private func lock(_ id: String, _ vine: Vine, in bench: StoreFixture) async throws {
        let lock = StateLock(
            vine: vine.id, id: id, job: nil, holder: "holder of \(id)", info: "{}", createdAt: StoreFixture.at(1))
        try await bench.store.lockState(lock, lease: nil)
    }

    private func current(_ vine: Vine, in bench: StoreFixture) async throws -> String? {
        try await bench.store.currentState(of: vine.id).map { String(decoding: $0.bytes, as: UTF8.self) }
    }

    @Test(arguments: StoreEngine.all) func keepsAllVersions(_ engine: StoreEngine) async throws {
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
                        createdAt: StoreFixture.at(5), sha256: Data("one".utf8).sha256, isSuperseded: false, size: 3))
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

    @Test(arguments: StoreEngine.all) func versionsAreListedInPages(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            #expect(try await bench.store.stateVersion(nil, of: vine.id) == nil)
            for serial in 1...5 {
                let bytes = Data("state \(serial)".utf8)
                _ = try await bench.store.saveState(
                    bytes, of: vine.id, position: StatePosition(lineage: "a", serial: Int64(serial)),
                    resources: serial, sha256: bytes.sha256, job: nil, lockID: nil, at: StoreFixture.at(5))
            }
            let first = try await bench.store.stateVersions(of: vine.id, before: nil, limit: 2)
            #expect(first.map(\.number) == [5, 4] && first.map(\.resources) == [5, 4] && first.map(\.size) == [7, 7])
            let next = try await bench.store.stateVersions(of: vine.id, before: 4, limit: 5)
            #expect(next.map(\.number) == [3, 2, 1])
            #expect(try await bench.store.stateVersions(of: vine.id, before: 1, limit: 5) == [])
            #expect(try await bench.store.stateVersion(3, of: vine.id) == next.first)
            #expect(try await bench.store.stateVersion(nil, of: vine.id) == first.first)
            for unknown in [0, 6, Int(Int32.max), .max] {
                #expect(try await bench.store.stateVersion(unknown, of: vine.id) == nil)
            }
        }
    }

    @Test(arguments: StoreEngine.all) func skipsUnchangedState(_ engine: StoreEngine) async throws {
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

    @Test(arguments: StoreEngine.all) func rejectsOtherLineage(_ engine: StoreEngine) async throws {
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

    @Test(arguments: StoreEngine.all) func refusesWithoutTheLock(_ engine: StoreEngine) async throws {
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

    @Test(arguments: StoreEngine.all) func supersedesVersionsUnderBrokenLock(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            try await lock("old", vine, in: bench)
            try await save("one", 1, of: vine, lock: "old", in: bench)
            try await bench.store.breakStateLock(of: vine.id, id: "old")
            // Aside while the vine is free, and while somebody else has it; whatever its serial.
            let late = try await save("late", 2, of: vine, lock: "old", in: bench)
            #expect(late.isSuperseded)
            try await lock("new", vine, in: bench)
            let later = try await save("later", 0, lineage: "z", of: vine, lock: "old", in: bench)
            #expect(later.isSuperseded)
            #expect(try await bench.store.stateBytes(of: vine.id, number: late.number) == Data("late".utf8))
            #expect(try await bench.store.stateBytes(of: vine.id, number: 99) == nil)
            #expect(try await save("later", 0, lineage: "z", of: vine, lock: "old", in: bench) == later)
            #expect(try await current(vine, in: bench) == "one")
            let two = try await save("two", 2, of: vine, lock: "new", in: bench)
            #expect(!two.isSuperseded)
            #expect(try await current(vine, in: bench) == "two")
            #expect(try await bench.store.stateVersions(of: vine.id).map(\.isSuperseded) == [false, true, true, false])
            #expect(try await bench.store.stateVersions(of: vine.id).map(\.number) == [4, 3, 2, 1])
        }
    }

    @Test(arguments: StoreEngine.all) func aReleasedLocksVersionNeverOverwritesItsSuccessors(
        _ engine: StoreEngine
    ) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            try await lock("old", vine, in: bench)
            try await bench.store.unlockState(of: vine.id, id: "old")
            #expect(try await !save("free", 1, of: vine, lock: "old", in: bench).isSuperseded)
            try await lock("new", vine, in: bench)
            #expect(try await save("late", 2, of: vine, lock: "old", in: bench).isSuperseded)
            #expect(try await current(vine, in: bench) == "free")
        }
    }

    // MARK: - Growth

    /// The versions of one apply, as the keeper ships them, and those of the runs around it.
    @Test(arguments: StoreEngine.all) func whatWasOnlyPassedThroughGoesWithTheLock(
        _ engine: StoreEngine
    ) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            let other = try await bench.vine(project: "other")
            func apply(_ id: String, _ serials: ClosedRange<Int64>, on vine: Vine) async throws {
                try await lock(id, vine, in: bench)
                for serial in serials { try await save("\(id) \(serial)", serial, of: vine, lock: id, in: bench) }
            }
            func kept(_ vine: Vine) async throws -> [Int64] {
                try await bench.store.stateVersions(of: vine.id).map(\.position.serial)
            }
            try await apply("one", 1...9, on: vine)
            try await apply("elsewhere", 1...5, on: other)
            #expect(try await kept(vine).count == 9)
            try await bench.store.unlockState(of: vine.id, id: "one")
            #expect(try await kept(vine) == [9, 8, 1])
            #expect(try await current(vine, in: bench) == "one 9")
            #expect(try await kept(other).count == 5)
            // Given back again, nothing more goes; short runs keep all they had.
            try await bench.store.unlockState(of: vine.id, id: "one")
            try await apply("two", 10...12, on: vine)
            try await bench.store.unlockState(of: vine.id, id: "two")
            #expect(try await kept(vine) == [12, 11, 10, 9, 8, 1])
            // Numbers are not used again.
            #expect(try await save("free", 13, of: vine, in: bench).number == 13)
            // Broken, nobody knows what will be wanted.
            try await apply("three", 13...18, on: vine)
            try await bench.store.breakStateLock(of: vine.id, id: "three")
            try await save("late", 19, of: vine, lock: "three", in: bench)
            #expect(try await kept(vine).count == 6 + 1 + 6 + 1)
        }
    }

    @Test(arguments: StoreEngine.all) func statesComeBackAsTheyWereWhateverTheirSize(
        _ engine: StoreEngine
    ) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            let noise = String(
                decoding: SystemDependencies.system.randomBytes(40_000).map { $0 & 0x3f | 0x40 }, as: UTF8.self)
            let texts = ["", "x", String(repeating: "{\"a\": 1}, ", count: 200_000), noise, "\u{28}\u{b5}/\u{fd}"]
            for (index, text) in texts.enumerated() {
                let version = try await save(text, Int64(index + 1), of: vine, in: bench)
                #expect(try await current(vine, in: bench) == text)
                let bytes = try await bench.store.stateBytes(of: vine.id, number: version.number)
                #expect(bytes == Data(text.utf8))
            }
        }
    }

    @Test(arguments: StoreEngine.all) func refusesWhatIsNotThere(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            let nobody = Vine(
                id: StoreFixture.newID(), settings: vine.settings, createdBy: "", createdAt: StoreFixture.at(0),
                updatedAt: StoreFixture.at(0))
            await expectRefusal(.notFound) { try await save("x", 1, of: nobody, in: bench) }
            await expectRefusal(.notFound) { try await save("x", 1, of: vine, job: StoreFixture.newID(), in: bench) }
            await expectRefusal(.invalid) {
                _ = try await bench.store.saveState(
                    Data("x".utf8), of: vine.id, position: StatePosition(lineage: "a", serial: 1),
                    sha256: Data("y".utf8).sha256, job: nil, lockID: nil, at: StoreFixture.at(1))
            }
            #expect(try await bench.store.stateVersions(of: vine.id).isEmpty)
        }
    }

    @Test(arguments: StoreEngine.all) func deletedVineAcceptsStates(
        _ engine: StoreEngine
    ) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            try await lock("old", vine, in: bench)
            try await bench.store.breakStateLock(of: vine.id, id: "old")
            try await bench.store.deleteVine(vine.id, at: StoreFixture.at(3))
            #expect(try await save("late", 1, of: vine, lock: "old", in: bench).isSuperseded)
            #expect(try await bench.store.stateVersions(of: vine.id).count == 1)
        }
    }
}

import Crypto
import Domain
import Foundation
import Storage
import Testing

/// What a store that was closed gives back.
@Suite struct PersistenceTests {
    @Test(arguments: StoreEngine.all) func everythingIsThereAfterReopening(_ engine: StoreEngine) async throws {
        try await TemporaryFolder.with { folder in
            let vault = Vault(key: SymmetricKey(data: Data(repeating: 7, count: 32)))
            func open() async throws -> StoreFixture {
                let seen = RecordedChanges()
                let store = try await engine.open(folder, vault) { seen.add($0) }
                return StoreFixture(engine: engine, folder: folder, vault: vault, store: store, seen: seen)
            }
            var bench = try await open()
            let vine = try await bench.vine()
            let job = try await bench.running(of: vine)
            try await bench.append(1, [.stdout("one\n")], to: job)
            let state = Data("state".utf8)
            let version = try await bench.store.saveState(
                state, of: vine.id, position: StatePosition(lineage: "a", serial: 1), sha256: state.sha256, job: job.id,
                lockID: nil, at: StoreFixture.at(5))
            let before = try await bench.chunks(of: job)
            try await bench.store.close()

            bench = try await open()
            #expect(try await bench.store.job(job.id) == job)
            #expect(try await bench.chunks(of: job) == before)
            #expect(try await bench.store.currentState(of: vine.id)?.version == version)
            #expect(try await bench.store.currentState(of: vine.id)?.bytes == state)
            #expect(try await bench.append(1, [.stdout("one\n")], to: job).nextN == 2)
            #expect(try await bench.append(2, [.stdout("two\n")], to: job).seq == 3)
            let last = try #require(try await bench.chunks(of: job).last)
            #expect(last.firstLine == 3)
            #expect(last.id > before.last?.id ?? .max)
            try await bench.store.close()
        }
    }

    @Test(arguments: StoreEngine.all) func detectsWrongKeyAtOpen(_ engine: StoreEngine) async throws {
        try await TemporaryFolder.with { folder in
            func open(_ byte: UInt8) async throws -> any Store {
                try await engine.open(folder, Vault(key: SymmetricKey(data: Data(repeating: byte, count: 32)))) { _ in }
            }
            try await open(1).close()
            let error = await #expect(throws: StorageError.self) { _ = try await open(2) }
            #expect(error?.kind == .key)
            try await open(1).close()
        }
    }

    @Test(arguments: StoreEngine.all) func closedStoreThrows(_ engine: StoreEngine) async throws {
        try await TemporaryFolder.with { folder in
            let vault = Vault(key: SymmetricKey(size: .bits256))
            let store = try await engine.open(folder, vault) { _ in }
            try await store.check()
            try await store.close()
            let writing = await #expect(throws: StorageError.self) { try await store.check() }
            #expect(writing?.kind == .closed)
            let reading = await #expect(throws: StorageError.self) { _ = try await store.tendrils() }
            #expect(reading?.kind == .closed)
        }
    }

    /// Writes that were asked for before the closing are finished by it.
    @Test(arguments: StoreEngine.all) func closeFinishesPendingWrites(_ engine: StoreEngine) async throws {
        try await TemporaryFolder.with { folder in
            let vault = Vault(key: SymmetricKey(data: Data(repeating: 7, count: 32)))
            let store = try await engine.open(folder, vault) { _ in }
            let names = await withTaskGroup(of: String?.self) { group in
                for index in 0..<64 {
                    group.addTask {
                        let name = "token \(index)"
                        do {
                            try await store.setToken(hash: Data([UInt8(index)]), name: name, at: StoreFixture.at(1))
                            return name
                        } catch {
                            return nil
                        }
                    }
                }
                group.addTask {
                    try? await store.close()
                    return nil
                }
                return await group.reduce(into: Set<String>()) { if let name = $1 { $0.insert(name) } }
            }
            let again = try await engine.open(folder, vault) { _ in }
            for index in 0..<64 {
                let stored = try await again.account(ofToken: Data([UInt8(index)]), at: StoreFixture.at(1))?.name
                #expect((stored != nil) == names.contains("token \(index)"))
            }
            try await again.close()
        }
    }
}

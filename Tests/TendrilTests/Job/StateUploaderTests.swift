import Domain
import Foundation
import Synchronization
import SystemCalls
import Testing

@testable import Tendril

@Suite struct StateUploaderTests {
    private let place: Place
    private let trellis = FakeTrellis()
    private let vine = SystemDependencies.system.makeID(Vine.self)

    init() throws { place = try Place() }

    private func keeper(alreadyStored: String? = nil, sleeper: Sleeper = Fixtures.hurried) -> StateUploader {
        StateUploader(
            folder: place.path, vine: vine, lockID: "L", alreadyStored: alreadyStored, trellis: trellis,
            sleeper: sleeper,
            ambient: .system, stored: { _, _ in })
    }

    private func put(_ data: Data, to name: String = "terraform.tfstate") throws {
        try Files.write(data, to: "\(place.path)/\(name)")
    }

    private func serials() async -> [Int64?] { await trellis.stored.map { $0.position?.serial } }

    @Test func everyVersionIsShippedAsItAppears() async throws {
        // The keeper waits at each pause until the test has looked.
        let (turns, turner) = AsyncStream.makeStream(of: Void.self)
        let (steps, stepper) = AsyncStream.makeStream(of: Void.self)
        let walker = Walker(steps)
        let keeper = keeper(
            sleeper: Sleeper { _ in
                turner.yield()
                try await walker.next()
            })
        let watching = Task { await keeper.watch() }
        var turn = turns.makeAsyncIterator()

        await turn.next()
        #expect(await serials().isEmpty)
        try put(Fixtures.state(serial: 1))
        stepper.yield()
        await turn.next()
        #expect(await serials() == [1])

        // Half a file is no version.
        try put(Fixtures.state(serial: 2).prefix(30))
        stepper.yield()
        await turn.next()
        #expect(await serials() == [1])
        try put(Fixtures.state(serial: 2))
        stepper.yield()
        await turn.next()
        #expect(await serials() == [1, 2])

        stepper.yield()
        await turn.next()
        #expect(await serials() == [1, 2])
        watching.cancel()
        await watching.value
    }

    @Test func whatTrellisHasIsNotStoredAgain() async throws {
        let state = Fixtures.state(serial: 3)
        try put(state)
        await trellis.put(state: state)
        #expect(try await keeper(alreadyStored: StateUploader.digest(of: state)).settle() == .stored)
        #expect(await serials().isEmpty)
    }

    /// Trellis' database was restored from a backup, and lacks what it had taken.
    @Test func whatTrellisHadIsStoredAgainWhereItWasLost() async throws {
        let state = Fixtures.state(serial: 3)
        try put(state)
        #expect(try await keeper(alreadyStored: StateUploader.digest(of: state)).settle() == .stored)
        #expect(await serials() == [3])
    }

    @Test func theLastVersionIsTriedUntilItArrives() async throws {
        try put(Fixtures.state(serial: 9))
        let tries = Mutex(0)
        await trellis.guarding { _ in
            let number = tries.withLock { tries in
                tries += 1
                return tries
            }
            if number < 30 { throw number.isMultiple(of: 2) ? FakeTrellis.unreachable : FakeTrellis.refused(401) }
        }
        #expect(try await keeper().settle() == .stored)
        #expect(await serials() == [9])
        #expect(tries.withLock { $0 } == 30)
    }

    @Test func aRefusalIsToldAndTheFileNamed() async throws {
        try put(Fixtures.state(serial: 9))
        await trellis.guarding { _ in throw FakeTrellis.refused(413, "Too large.") }
        #expect(
            try await keeper().settle() == .unstored(path: place.path + "/terraform.tfstate", reason: "Too large."))
    }

    @Test func ignoresPartialStateFile() async throws {
        try put(Fixtures.state(serial: 9).dropLast(5))
        guard case .unstored = try await keeper().settle() else {
            Issue.record("a torn file was settled")
            return
        }
        #expect(await serials().isEmpty)
    }

    @Test func noFileIsNoState() async throws {
        #expect(try await keeper().settle() == .stored)
        try put(Data())
        #expect(try await keeper().settle() == .stored)
    }

    @Test func aStateThatCouldNotBePutInPlaceCounts() async throws {
        try put(Fixtures.state(serial: 4))
        try put(Fixtures.state(serial: 6), to: "errored.tfstate")
        #expect(try await keeper().settle() == .stored)
        #expect(await serials() == [6])
        try put(Fixtures.state(serial: 7))
        #expect(try await keeper().settle() == .stored)
        #expect(await serials() == [6, 7])
    }
}

/// Takes one step of a stream at a time, for whoever asks.
actor Walker {
    private var stream: AsyncStream<Void>.Iterator

    init(_ stream: AsyncStream<Void>) { self.stream = stream.makeAsyncIterator() }

    func next() async throws {
        var iterator = stream
        let step: Void? = await iterator.next(isolation: self)
        stream = iterator
        if step == nil { throw CancellationError() }
    }
}

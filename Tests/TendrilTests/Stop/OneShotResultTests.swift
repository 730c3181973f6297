import Testing

@testable import Tendril

@Suite struct OneShotResultTests {
    @Test(.timeLimit(.minutes(5))) func everyWaiterGetsTheResult() async throws {
        let result = OneShotResult<Int>()
        let early = (0..<3).map { _ in Task { try await result.wait() } }
        await Task.yield()
        result.set(.success(7))
        for waiter in early { #expect(try await waiter.value == 7) }
        #expect(try await result.wait() == 7)
        #expect(try await result.wait() == 7)
    }

    @Test(.timeLimit(.minutes(5))) func aCanceledWaiterTakesNothingFromTheOthers() async throws {
        let result = OneShotResult<Int>()
        let canceled = Task { try await result.wait() }
        let other = Task { try await result.wait() }
        canceled.cancel()
        await #expect(throws: CancellationError.self) { try await canceled.value }
        result.set(.success(7))
        #expect(try await other.value == 7)
    }
}

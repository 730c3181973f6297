import Testing

@testable import Trellis

@Suite struct OpenFilesTests {
    @Test(arguments: [(128, 30, 2), (256, 30, 2), (1024, 60, 16), (4096, 400, 64), (65_536, 30, 128)])
    func theLimitIsNeverReached(limit: Int, inUse: Int, loops: Int) throws {
        let connections = try OpenFiles.connections(of: limit, inUse: inUse, loops: loops)
        #expect(connections >= 8)
        // With those that are told that they are too many, and what is opened beside them.
        #expect(inUse + connections + connections / 4 + 4 * loops + 48 <= limit)
    }

    @Test(arguments: [(64, 30, 2), (128, 100, 2), (256, 30, 64)])
    func aLimitThatLeavesTooLittleIsRefused(limit: Int, inUse: Int, loops: Int) throws {
        let error = try #require(throws: TrellisStartError.self) {
            try OpenFiles.connections(of: limit, inUse: inUse, loops: loops)
        }
        #expect(error.description.contains("ulimit -n"))
        guard case .tooFewFiles(limit, let needed) = error else { return #expect(Bool(false)) }
        #expect(try OpenFiles.connections(of: needed, inUse: inUse, loops: loops) >= 8)
    }
}

import NIOCore
import Testing

/// One case of the Autobahn test suite for servers that echo, under that suite's number.
struct AutobahnCase: Sendable, CustomTestStringConvertible {
    /// How the connection ends.
    enum End: Sendable {
        /// The client closes with 1000 after the answers, and the server agrees.
        case clean
        /// The server closes with this code; `nil` for an empty Close.
        case closed(UInt16?)
    }

    /// How the frames are cut into writes.
    enum Cut: Sendable {
        case none
        case frames
        case octets(Int)
    }

    var id: String
    var writes: [[UInt8]]
    var answers: [ServerFrame]
    var end: End

    init(
        _ id: String, _ frames: [RawFrame], _ answers: [ServerFrame] = [], _ end: End = .clean, cut: Cut = .none
    ) {
        self.id = id
        self.answers = answers
        self.end = end
        writes =
            switch cut {
            case .none: [frames.flatMap(\.bytes)]
            case .frames: frames.map(\.bytes)
            case .octets(let size): frames.flatMap(\.bytes).chopped(size)
            }
    }

    var testDescription: String { id }

    func run(on server: TestServer) async throws {
        let client = try await server.open()
        for write in writes { client.channel.writeAndFlush(ByteBuffer(bytes: write), promise: nil) }
        let received = try await client.frames(answers.count)
        #expect(received == answers)
        let code: UInt16?
        switch end {
        case .clean:
            try await client.send(.close())
            code = 1000
        case .closed(let expected):
            code = expected
        }
        let close = try await client.frame()
        #expect(close.opcode == 8)
        #expect(close.closeCode == code)
        try await client.expectEnd()
        try await client.leave()
    }

    /// `count` bytes of text.
    static func stars(_ count: Int) -> [UInt8] { Array(repeating: UInt8(ascii: "*"), count: count) }

    /// Frames of one message, of `size` bytes each.
    static func fragments(_ opcode: UInt8, _ payload: [UInt8], of size: Int) -> [RawFrame] {
        let pieces = payload.chopped(size)
        return pieces.enumerated().map { index, piece in
            RawFrame(opcode: index == 0 ? opcode : 0, payload: piece, isFinal: index == pieces.count - 1)
        }
    }
}

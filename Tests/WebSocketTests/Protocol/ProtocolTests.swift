import NIOCore
import NIOWebSocket
import Testing

@testable import WebSocket

/// The state machine without a socket.
@Suite struct ProtocolTests {
    private func events(
        _ pieces: [[UInt8]], limits: WebSocketLimits = .init(), closing: Bool = false
    ) -> [WebSocketProtocol.Event] {
        var machine = WebSocketProtocol(limits: limits)
        if closing { _ = machine.close(.normalClosure, reason: "") }
        var (events, rest): ([WebSocketProtocol.Event], ByteBuffer) = ([], ByteBuffer())
        for piece in pieces {
            rest.writeBytes(piece)
            while let event = machine.next(from: &rest) { events.append(event) }
        }
        return events
    }

    private func failure(_ frames: RawFrame..., closing: Bool = false) -> ProtocolViolation? {
        guard case .failed(let violation, _) = events([frames.flatMap(\.bytes)], closing: closing).last else {
            return nil
        }
        return violation
    }

    /// However TCP cuts it, the same bytes mean the same.
    @Test(arguments: 0..<40) func cutsDoNotMatter(_ seed: Int) {
        var random = SplitMix(state: UInt64(seed))
        var bytes: [UInt8] = []
        for _ in 0..<30 {
            let text = String(repeating: "aµ€😀", count: Int.random(in: 0...60, using: &random))
            switch Int.random(in: 0..<4, using: &random) {
            case 0: bytes += RawFrame.text(text).bytes
            case 1: bytes += RawFrame.ping(Array(text.utf8.prefix(125))).bytes
            case 2: bytes += RawFrame.pong([1]).bytes
            default:
                for frame in AutobahnCase.fragments(1, Array((text + "z").utf8), of: 7) {
                    bytes += frame.bytes + RawFrame.ping([7]).bytes
                }
            }
        }
        bytes += RawFrame.close(4000).bytes
        var (pieces, index): ([[UInt8]], Int) = ([], 0)
        while index < bytes.count {
            let end = min(bytes.count, index + Int.random(in: 1...50, using: &random))
            pieces.append(Array(bytes[index..<end]))
            index = end
        }
        let whole = events([bytes])
        #expect(whole == events(pieces))
        #expect(whole.last == .closed(reply: ByteBuffer(bytes: [0x0F, 0xA0])))
    }

    @Test func framesThatBreakRules() {
        #expect(failure(RawFrame(opcode: 1, reserved: 4)) == .reservedBits)
        #expect(failure(RawFrame(opcode: 3)) == .unknownOpcode)
        #expect(failure(RawFrame(opcode: 9, isFinal: false)) == .fragmentedControlFrame)
        #expect(failure(RawFrame(opcode: 1, mask: nil)) == .unmaskedFrame)
        #expect(failure(RawFrame(opcode: 9, claimedLength: 126)) == .longControlFrame)
        #expect(failure(RawFrame(opcode: 1, payload: [1], lengthBytes: 2)) == .badLength)
        #expect(failure(RawFrame(opcode: 1, payload: AutobahnCase.stars(125), lengthBytes: 2)) == .badLength)
        #expect(failure(RawFrame(opcode: 1, payload: AutobahnCase.stars(65535), lengthBytes: 8)) == .badLength)
        #expect(failure(RawFrame(opcode: 2, claimedLength: 1 << 63)) == .badLength)
        #expect(failure(.continuation("", isFinal: true)) == .continuationOfNothing)
        #expect(failure(.text("", isFinal: false), .text("")) == .unfinishedMessage)
    }

    @Test func aBadFirstByteNeedsNoSecond() {
        #expect(events([[0xC1]]).count == 1)
        #expect(events([[0x83]]).count == 1)
        #expect(events([[0x09]]).count == 1)
        #expect(events([[0x81, 0x01]]).count == 1)
        #expect(events([[0x81, 0x81]]).isEmpty)
    }

    @Test func afterOurCloseOnlyThePeersCounts() {
        let bytes = [RawFrame.text("late"), .ping(), .binary([1], isFinal: false), .close(1001)].flatMap(\.bytes)
        #expect(events([bytes], closing: true) == [.closed(reply: nil)])
        #expect(failure(RawFrame(opcode: 3), closing: true) == .unknownOpcode)
    }

    @Test func aMessageBegunBeforeOurCloseIsDropped() {
        var machine = WebSocketProtocol(limits: .init())
        var bytes = ByteBuffer(bytes: RawFrame.text("half", isFinal: false).bytes)
        #expect(machine.next(from: &bytes) == nil)
        #expect(machine.close(.goingAway, reason: "") != nil)
        #expect(machine.close(.goingAway, reason: "") == nil)
        bytes.writeBytes(RawFrame.continuation([0xFF], isFinal: true).bytes + RawFrame.close(nil).bytes)
        #expect(machine.next(from: &bytes) == .closed(reply: nil))
    }

    @Test func closePayloads() {
        #expect(CloseFrame.payload(.goingAway, reason: "x") == ByteBuffer(bytes: [0x03, 0xE9, 0x78]))
        #expect(CloseFrame.payload(.unknown(1005), reason: "") == ByteBuffer(bytes: [0x03, 0xE8]))
        #expect(CloseFrame.payload(.normalClosure, reason: String(repeating: "a", count: 123)).readableBytes == 125)
        #expect(CloseFrame.payload(.normalClosure, reason: String(repeating: "a", count: 124)).readableBytes == 125)
        #expect(CloseFrame.payload(.normalClosure, reason: String(repeating: "€", count: 42)).readableBytes == 125)
        #expect(CloseFrame.payload(.normalClosure, reason: String(repeating: "😀", count: 31)).readableBytes == 122)
    }

    @Test(arguments: [0, 1, 125, 126, 127, 4095, 4096, 65535, 65536, 1 << 20]) func textHeads(_ length: Int) {
        var bytes = FrameEncoding.textHead(length: length)
        bytes.writeRepeatingByte(0x78, count: length)
        let frame = ServerFrame.read(from: &bytes)
        #expect(frame?.opcode == 1)
        #expect(frame?.payload.count == length)
        #expect(bytes.readableBytes == 0)
    }

    @Test func unmaskingAtAnyOffset() {
        let mask: [UInt8] = [0xA1, 0xB2, 0xC3, 0xD4]
        let plain = (0..<61).map { UInt8($0) }
        let masked = plain.enumerated().map { $1 ^ mask[$0 % 4] }
        for first in 0...61 {
            var (source, target) = (ByteBuffer(bytes: masked), ByteBuffer())
            target.moveUnmasked(first, from: &source, mask: 0xD4C3_B2A1, offset: 0)
            target.moveUnmasked(61 - first, from: &source, mask: 0xD4C3_B2A1, offset: first)
            #expect(Array(target.readableBytesView) == plain)
        }
    }

    /// The check agrees with the standard library's, however the bytes are cut.
    @Test func utf8AgainstTheStandardLibrary() {
        var random = SplitMix(state: 7)
        let edges: [UInt8] = [
            0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE,
            0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF,
        ]
        for _ in 0..<20_000 {
            let ascii = [UInt8](repeating: 0x61, count: Int.random(in: 0...9, using: &random))
            let tail = (0..<Int.random(in: 0...5, using: &random)).map { _ in edges.randomElement(using: &random) ?? 0 }
            let bytes = ascii + tail
            var check = UTF8Check()
            let cut = Int.random(in: 0...bytes.count, using: &random)
            let isValid =
                bytes[..<cut].withUnsafeBytes { check.admits($0) } && bytes[cut...].withUnsafeBytes { check.admits($0) }
                && check.isComplete
            #expect(isValid == (String(validating: bytes, as: UTF8.self) != nil), "\(bytes)")
        }
    }
}

/// Random numbers that are the same each time.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

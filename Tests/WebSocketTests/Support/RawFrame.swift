import NIOCore

@testable import WebSocket

/// A frame as its bytes, for good and bad ones alike.
struct RawFrame {
    var opcode: UInt8
    var payload: [UInt8] = []
    var isFinal = true
    var reserved: UInt8 = 0
    /// A client masks; `nil` leaves the mask away.
    var mask: [UInt8]? = [0x12, 0xA7, 0x5C, 0xF0]
    /// Bytes for the length, where not the shortest possible.
    var lengthBytes: Int?
    /// The length that is claimed, where not the true one.
    var claimedLength: UInt64?

    static func text(_ text: String, isFinal: Bool = true) -> RawFrame {
        RawFrame(opcode: 1, payload: Array(text.utf8), isFinal: isFinal)
    }

    static func binary(_ payload: [UInt8], isFinal: Bool = true) -> RawFrame {
        RawFrame(opcode: 2, payload: payload, isFinal: isFinal)
    }

    static func continuation(_ payload: [UInt8], isFinal: Bool) -> RawFrame {
        RawFrame(opcode: 0, payload: payload, isFinal: isFinal)
    }

    static func continuation(_ text: String, isFinal: Bool) -> RawFrame {
        continuation(Array(text.utf8), isFinal: isFinal)
    }

    static func ping(_ payload: [UInt8] = []) -> RawFrame { RawFrame(opcode: 9, payload: payload) }

    static func pong(_ payload: [UInt8] = []) -> RawFrame { RawFrame(opcode: 10, payload: payload) }

    static func close(_ code: UInt16? = 1000, _ reason: [UInt8] = []) -> RawFrame {
        RawFrame(opcode: 8, payload: (code.map { [UInt8($0 >> 8), UInt8($0 & 0xFF)] } ?? []) + reason)
    }

    var bytes: [UInt8] {
        let length = claimedLength ?? UInt64(payload.count)
        let size = lengthBytes ?? (length < 126 ? 0 : length <= 0xFFFF ? 2 : 8)
        let short = size == 0 ? UInt8(length) : size == 2 ? 126 : 127
        var bytes = [(isFinal ? 0x80 : 0) | reserved << 4 | opcode, (mask == nil ? 0 : 0x80) | short]
        for shift in (0..<size).reversed() { bytes.append(UInt8(truncatingIfNeeded: length >> (UInt64(shift) * 8))) }
        guard let mask else { return bytes + payload }
        return bytes + mask + payload.enumerated().map { $1 ^ mask[$0 % 4] }
    }

    /// The same bytes in pieces of `size`.
    func chopped(_ size: Int) -> [[UInt8]] { bytes.chopped(size) }
}

extension [UInt8] {
    func chopped(_ size: Int) -> [[UInt8]] {
        stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min($0 + size, count)]) }
    }
}

/// A frame of the server, as it was received.
struct ServerFrame: Equatable {
    var opcode: UInt8
    var payload: [UInt8]

    static func text(_ text: String) -> ServerFrame { ServerFrame(opcode: 1, payload: Array(text.utf8)) }
    static func binary(_ payload: [UInt8]) -> ServerFrame { ServerFrame(opcode: 2, payload: payload) }
    static func pong(_ payload: [UInt8] = []) -> ServerFrame { ServerFrame(opcode: 10, payload: payload) }

    /// The status code of a Close frame; `nil` for others, and for an empty one.
    var closeCode: UInt16? {
        opcode == 8 && payload.count >= 2 ? UInt16(payload[0]) << 8 | UInt16(payload[1]) : nil
    }

    /// Takes one off `bytes`: it must be final, without reserved bits, not masked, and its length in the shortest form.
    static func read(from bytes: inout ByteBuffer) -> ServerFrame? {
        var copy = bytes
        guard let first: UInt8 = copy.readInteger(), let second: UInt8 = copy.readInteger() else { return nil }
        precondition(first & 0xF0 == 0x80 && second & 0x80 == 0, "malformed frame of the server")
        var length = Int(second)
        if second == 126 {
            guard let long: UInt16 = copy.readInteger() else { return nil }
            precondition(long > 125)
            length = Int(long)
        } else if second == 127 {
            guard let long: UInt64 = copy.readInteger() else { return nil }
            precondition(long > 0xFFFF)
            length = Int(long)
        }
        guard let payload = copy.readBytes(length: length) else { return nil }
        bytes = copy
        return ServerFrame(opcode: first & 0x0F, payload: payload)
    }
}

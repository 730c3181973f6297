import Domain

/// One of the engine's own lines about a resource: `ADDRESS: Creating...`.
///
/// Terraform and OpenTofu write these lines with the same words. What a provisioner prints has `ADDRESS (local-exec):`
/// before it, so it is never taken for one of them.
struct EngineEvent: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        case begin(PlanAction)
        case end(PlanAction)
        case refresh
        /// It still runs.
        case progress
        case failure
    }

    var address: String
    /// About an object that a replacement left behind (`create_before_destroy`).
    var isDeposed: Bool
    var kind: Kind
    /// The line names an ID that continues on the next line.
    var isIDOpen: Bool

    /// What follows the address and its colon. The engine writes an ID after some of them.
    private static let words: [(StaticString, Kind)] = [
        ("Creating...", .begin(.create)), ("Creation complete after ", .end(.create)),
        ("Modifying...", .begin(.update)), ("Modifications complete after ", .end(.update)),
        ("Destroying...", .begin(.delete)), ("Destruction complete after ", .end(.delete)),
        ("Reading...", .begin(.read)), ("Read complete after ", .end(.read)),
        ("Refreshing state...", .refresh), ("Still ", .progress), ("Provisioning with '", .progress),
        ("Importing...", .begin(.import)), ("Import complete", .end(.import)), ("Preparing import...", .refresh),
        ("Opening...", .begin(.read)), ("Opening complete after ", .end(.read)), ("Open complete after ", .end(.read)),
        ("Creation errored after ", .failure), ("Modifications errored after ", .failure),
        ("Destruction errored after ", .failure), ("Read errored after ", .failure),
    ]

    private static let deposed: StaticString = " (deposed object "

    /// nil for any other line. `line` is without its line feed.
    static func parse(_ line: UnsafeBufferPointer<UInt8>) -> EngineEvent? {
        var index = skipEscapes(line, 0)
        let start = index
        guard let end = endOfAddress(line, from: start) else { return nil }
        index = end
        var isDeposed = false
        if matches(line, index, deposed) {
            index += deposed.utf8CodeUnitCount
            while index < line.count, isHexadecimal(line[index]) { index += 1 }
            guard index < line.count, line[index] == UInt8(ascii: ")") else { return nil }
            index += 1
            isDeposed = true
        }
        guard index + 1 < line.count, line[index] == UInt8(ascii: ":"), line[index + 1] == UInt8(ascii: " ") else {
            return nil
        }
        index += 2
        guard let kind = kind(line, index) else { return nil }
        let address = String(decoding: UnsafeBufferPointer(rebasing: line[start..<end]), as: UTF8.self)
        return EngineEvent(address: address, isDeposed: isDeposed, kind: kind, isIDOpen: isIDOpen(line, from: index))
    }

    private static func kind(_ line: UnsafeBufferPointer<UInt8>, _ index: Int) -> Kind? {
        for (word, kind) in words where matches(line, index, word) { return kind }
        return nil
    }

    /// Where the address that begins at `start` ends: at the first blank or colon that is not in the key of an instance. nil
    /// if no address is there.
    static func endOfAddress(_ line: UnsafeBufferPointer<UInt8>, from start: Int) -> Int? {
        let limit = min(line.count, start + RunResource.addressBytes + 1)
        var index = start
        var hasDot = false
        while index < limit {
            switch line[index] {
            case UInt8(ascii: ":"), UInt8(ascii: " "), UInt8(ascii: ","):
                return hasDot && index > start ? index : nil
            case UInt8(ascii: "["):
                guard let end = endOfKey(line, from: index, limit: limit) else { return nil }
                index = end
            case UInt8(ascii: "."):
                guard index > start else { return nil }
                hasDot = true
                index += 1
            case 0...0x20, UInt8(ascii: "\""), 0x7f: return nil
            default: index += 1
            }
        }
        return index == line.count && hasDot ? index : nil
    }

    /// After the `]` of `["key"]` or `[0]`.
    private static func endOfKey(_ line: UnsafeBufferPointer<UInt8>, from start: Int, limit: Int) -> Int? {
        var index = start + 1
        guard index < limit else { return nil }
        if line[index] == UInt8(ascii: "\"") {
            index += 1
            while index < limit, line[index] != UInt8(ascii: "\""), line[index] != 0 {
                index += line[index] == UInt8(ascii: "\\") ? 2 : 1
            }
            index += 1
        } else {
            while index < limit, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(line[index]) { index += 1 }
        }
        guard index < limit, line[index] == UInt8(ascii: "]") else { return nil }
        return index + 1
    }

    /// Whether the line's ` [id=…` has no end in it: the ID has a line feed, and what follows is not the engine's word.
    private static func isIDOpen(_ line: UnsafeBufferPointer<UInt8>, from start: Int) -> Bool {
        var index = start
        while index + 1 < line.count, !(line[index] == UInt8(ascii: " ") && line[index + 1] == UInt8(ascii: "[")) {
            index += 1
        }
        guard index + 1 < line.count else { return false }
        return !endsWithBracket(line)
    }

    /// Whether the line's last visible byte is `]`.
    static func endsWithBracket(_ line: UnsafeBufferPointer<UInt8>) -> Bool {
        var end = line.count
        while end > 0 {
            if line[end - 1] == UInt8(ascii: "m") || line[end - 1] == UInt8(ascii: "\r") {
                // Back over a color sequence.
                var start = end - 1
                while start > 0, line[start] != 0x1b { start -= 1 }
                if line[end - 1] == UInt8(ascii: "\r") {
                    end -= 1
                } else if line[start] == 0x1b, skipEscapes(line, start) >= end {
                    end = start
                } else {
                    return false
                }
            } else {
                return line[end - 1] == UInt8(ascii: "]")
            }
        }
        return false
    }

    /// The index after the color sequences at `start`.
    static func skipEscapes(_ line: UnsafeBufferPointer<UInt8>, _ start: Int) -> Int {
        var index = start
        while index + 1 < line.count, line[index] == 0x1b, line[index + 1] == UInt8(ascii: "[") {
            var end = index + 2
            while end < line.count, (0x20..<0x40).contains(line[end]) { end += 1 }
            guard end < line.count, (0x40...0x7e).contains(line[end]) else { return index }
            index = end + 1
        }
        return index
    }

    static func matches(_ line: UnsafeBufferPointer<UInt8>, _ start: Int, _ word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        guard start >= 0, start + count <= line.count else { return false }
        let bytes = UnsafeBufferPointer(start: word.utf8Start, count: count)
        for offset in 0..<count where line[start + offset] != bytes[offset] { return false }
        return true
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }
}

/// Why a text is not the JSON that was asked for.
public struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Problem: Hashable, Sendable {
        case unexpectedEnd
        case unexpectedByte
        case badNumber
        case badEscape
        /// Half of a UTF-16 pair.
        case loneSurrogate
        case controlCharacter
        case invalidUTF8
        case duplicateName(String)
        case tooDeep(limit: Int)
    }

    public var problem: Problem
    /// Where, in bytes from the beginning.
    public var offset: Int

    /// A predicate: `ends too early`.
    public var description: String {
        switch problem {
        case .unexpectedEnd: "ends too early"
        case .unexpectedByte: "has an unexpected character at byte \(offset)"
        case .badNumber: "has a malformed number at byte \(offset)"
        case .badEscape: "has a malformed escape at byte \(offset)"
        case .loneSurrogate: "has half of a surrogate pair at byte \(offset)"
        case .controlCharacter: "has an unescaped control character at byte \(offset)"
        case .invalidUTF8: "is not UTF-8 in the string that ends at byte \(offset)"
        case .duplicateName(let name): "has the name \"\(name.shortened(toBytes: 80))\" twice in one object"
        case .tooDeep(let limit): "nests deeper than \(limit) levels"
        }
    }
}

extension JSONValue {
    /// Reads one document. Takes time in proportion to its length, and no stack in proportion to its depth.
    ///
    /// - Parameter maxDepth: how deep arrays and objects may nest (``JSONDepth``).
    public init(parsing bytes: some Collection<UInt8>, maxDepth: Int = JSONDepth.request) throws(JSONError) {
        self = try JSONParser.parse(bytes, maxDepth: maxDepth, marker: nil).value
    }

    /// As ``init(parsing:maxDepth:)``, but replaces what nests deeper than `maxDepth` by `marker` instead of refusing
    /// the whole. `isCut` says whether anything was replaced.
    public static func parse(
        _ bytes: some Collection<UInt8>, cuttingBelow maxDepth: Int, marker: JSONValue = JSONDepth.marker
    ) throws(JSONError) -> (value: JSONValue, isCut: Bool) {
        let result = try JSONParser.parse(bytes, maxDepth: maxDepth, marker: marker)
        return (result.value, result.isCut)
    }
}

/// Reads JSON strictly: no duplicate names, no invalid UTF-8, no lone surrogates. Not recursive.
struct JSONParser: JSONPosition {
    struct Result {
        var value: JSONValue
        var isCut: Bool
        /// Bytes looked at and values made, for the proof that the work is linear.
        var steps: Int
    }

    private enum Container { case array, object }

    let bytes: UnsafeBufferPointer<UInt8>
    private let maxDepth: Int
    private let marker: JSONValue?
    var offset = 0
    private var steps = 0
    private var isCut = false

    // The open containers, and what they hold so far.
    private var open: [Container] = []
    private var arrays: [[JSONValue]] = []
    private var objects: [[String: JSONValue]] = []
    private var names: [String] = []

    private init(_ bytes: UnsafeBufferPointer<UInt8>, _ maxDepth: Int, _ marker: JSONValue?) {
        self.bytes = bytes
        self.maxDepth = maxDepth
        self.marker = marker
    }

    static func parse(
        _ bytes: some Collection<UInt8>, maxDepth: Int, marker: JSONValue?
    ) throws(JSONError) -> Result {
        func run(_ buffer: UnsafeBufferPointer<UInt8>) -> Swift.Result<Result, JSONError> {
            var parser = JSONParser(buffer, maxDepth, marker)
            do throws(JSONError) {
                let value = try parser.document()
                return .success(Result(value: value, isCut: parser.isCut, steps: parser.steps + parser.offset))
            } catch {
                return .failure(error)
            }
        }
        if let result = bytes.withContiguousStorageIfAvailable(run) { return try result.get() }
        return try Array(bytes).withUnsafeBufferPointer(run).get()
    }

    /// The text of the string literal `bytes`, quotes included.
    static func string(_ bytes: UnsafeBufferPointer<UInt8>) throws(JSONError) -> String {
        var parser = JSONParser(bytes, 0, nil)
        return try parser.string()
    }

    private mutating func document() throws(JSONError) -> JSONValue {
        while true {
            guard var value = try begin() else { continue }
            // Adds the value to its container, and closes each container that ends with it.
            var isComplete = true
            while isComplete {
                steps += 1
                switch open.last {
                case nil:
                    skipSpace()
                    guard offset == bytes.count else { throw error(.unexpectedByte) }
                    return value
                case .array:
                    arrays[arrays.count - 1].append(value)
                    isComplete = try closes(UInt8(ascii: "]"))
                    if isComplete { value = .array(arrays.removeLast()) }
                case .object:
                    let name = names.removeLast()
                    guard objects[objects.count - 1].updateValue(value, forKey: name) == nil else {
                        throw error(.duplicateName(name))
                    }
                    isComplete = try closes(UInt8(ascii: "}"))
                    if isComplete { value = .object(objects.removeLast()) } else { try readName() }
                }
                if isComplete { open.removeLast() }
            }
        }
    }

    /// A scalar or an empty container; nil if a container was opened whose first value comes next.
    private mutating func begin() throws(JSONError) -> JSONValue? {
        guard let first = peek() else { throw error(.unexpectedEnd) }
        steps += 1
        switch first {
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "{"):
            guard try deepens() else { return marker }
            if take(UInt8(ascii: "}")) { return .object([:]) }
            open.append(.object)
            objects.append([:])
            try readName()
            return nil
        case UInt8(ascii: "["):
            guard try deepens() else { return marker }
            if take(UInt8(ascii: "]")) { return .array([]) }
            open.append(.array)
            arrays.append([])
            return nil
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default: throw error(.unexpectedByte)
        }
    }

    /// Steps into a container; if that is too deep, skips it (false) or throws.
    private mutating func deepens() throws(JSONError) -> Bool {
        if open.count < maxDepth {
            offset += 1
            return true
        }
        guard marker != nil else { throw error(.tooDeep(limit: maxDepth)) }
        isCut = true
        var cursor = JSONCursor(bytes, from: offset)
        do { try cursor.skip() } catch { throw JSONError(problem: .unexpectedEnd, offset: bytes.count) }
        offset = cursor.offset
        return false
    }

    /// True if the container ends; false if another member follows its comma.
    private mutating func closes(_ closer: UInt8) throws(JSONError) -> Bool {
        if take(UInt8(ascii: ",")) { return false }
        guard take(closer) else { throw error(offset == bytes.count ? .unexpectedEnd : .unexpectedByte) }
        return true
    }

    /// The name of a member, and its colon.
    private mutating func readName() throws(JSONError) {
        guard peek() == UInt8(ascii: "\"") else {
            throw error(offset == bytes.count ? .unexpectedEnd : .unexpectedByte)
        }
        names.append(try string())
        guard take(UInt8(ascii: ":")) else {
            throw error(offset == bytes.count ? .unexpectedEnd : .unexpectedByte)
        }
    }

    private mutating func literal(_ text: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
        for index in 0..<text.utf8CodeUnitCount {
            guard offset + index < bytes.count else { throw error(.unexpectedEnd) }
            guard bytes[offset + index] == text.utf8Start[index] else { throw error(.unexpectedByte) }
        }
        offset += text.utf8CodeUnitCount
        return value
    }

    private mutating func number() throws(JSONError) -> JSONValue {
        guard let end = JSONNumber.end(of: bytes, from: offset) else { throw error(.badNumber) }
        let text = bytes[offset..<end]
        offset = end
        let isPlain = text.allSatisfy { $0 &- UInt8(ascii: "0") < 10 || $0 == UInt8(ascii: "-") }
        if isPlain, let value = Self.integer(text) { return .integer(value) }
        return .number(JSONNumber(unchecked: String(decoding: text, as: UTF8.self)))
    }

    /// nil for what does not fit 64 bits, and for `-0`, which an integer would not keep.
    private static func integer(_ text: Slice<UnsafeBufferPointer<UInt8>>) -> Int64? {
        let isNegative = text.first == UInt8(ascii: "-")
        var value: Int64 = 0
        for byte in isNegative ? text.dropFirst() : text {
            let (product, overflowed) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflowedToo) = product.subtractingReportingOverflow(Int64(byte &- UInt8(ascii: "0")))
            if overflowed || overflowedToo { return nil }
            value = sum
        }
        if isNegative { return value == 0 ? nil : value }
        return value == .min ? nil : -value
    }

    // MARK: - Strings

    private mutating func string() throws(JSONError) -> String {
        guard offset < bytes.count, bytes[offset] == UInt8(ascii: "\"") else { throw error(.unexpectedByte) }
        offset += 1
        let start = offset
        while offset < bytes.count {
            switch bytes[offset] {
            case UInt8(ascii: "\""):
                let text = String(validating: bytes[start..<offset], as: UTF8.self)
                guard let text else { throw error(.invalidUTF8) }
                offset += 1
                return text
            case UInt8(ascii: "\\"): return try escapedString(from: start)
            case 0..<0x20: throw error(.controlCharacter)
            default: offset += 1
            }
        }
        throw error(.unexpectedEnd)
    }

    /// The rest of a string whose first escape is at `offset`.
    private mutating func escapedString(from start: Int) throws(JSONError) -> String {
        var text = Array(bytes[start..<offset])
        steps += text.count
        while offset < bytes.count {
            let byte = bytes[offset]
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: text, as: UTF8.self) else { throw error(.invalidUTF8) }
                offset += 1
                return text
            case UInt8(ascii: "\\"): try escape(into: &text)
            case 0..<0x20: throw error(.controlCharacter)
            default:
                text.append(byte)
                offset += 1
            }
        }
        throw error(.unexpectedEnd)
    }

    private mutating func escape(into text: inout [UInt8]) throws(JSONError) {
        guard offset + 1 < bytes.count else { throw error(.unexpectedEnd) }
        let kind = bytes[offset + 1]
        switch kind {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(kind)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0c)
        case UInt8(ascii: "n"): text.append(0x0a)
        case UInt8(ascii: "r"): text.append(0x0d)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            let scalar = try escapedScalar()
            text.append(contentsOf: Character(scalar).utf8)
            return
        default: throw error(.badEscape)
        }
        offset += 2
    }

    private mutating func escapedScalar() throws(JSONError) -> Unicode.Scalar {
        let unit = try escapedUnit()
        if let scalar = Unicode.Scalar(unit) { return scalar }
        guard UTF16.isLeadSurrogate(unit), offset + 1 < bytes.count, bytes[offset] == UInt8(ascii: "\\"),
            bytes[offset + 1] == UInt8(ascii: "u")
        else { throw error(.loneSurrogate) }
        let second = try escapedUnit()
        guard UTF16.isTrailSurrogate(second),
            let scalar = Unicode.Scalar(0x1_0000 + (UInt32(unit & 0x3ff) << 10) + UInt32(second & 0x3ff))
        else { throw error(.loneSurrogate) }
        return scalar
    }

    /// The four digits of the `\u` at `offset`.
    private mutating func escapedUnit() throws(JSONError) -> UInt16 {
        guard offset + 6 <= bytes.count else { throw error(.unexpectedEnd) }
        var unit: UInt16 = 0
        for byte in bytes[(offset + 2)..<(offset + 6)] {
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
            default: throw error(.badEscape)
            }
            unit = unit << 4 | UInt16(digit)
        }
        offset += 6
        return unit
    }

    // MARK: - Bytes

    private func error(_ problem: JSONError.Problem) -> JSONError { JSONError(problem: problem, offset: offset) }
}

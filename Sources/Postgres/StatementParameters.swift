#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// A statement's parameters in memory that libpq can read.
struct StatementParameters {
    private var bytes: [UInt8] = []
    private var starts: [Int?] = []
    private var lengthList: [Int32] = []
    private let typeList: [UInt32]

    init(_ list: [PostgresValue]) throws {
        typeList = list.map(\.type)
        for value in list {
            let start = bytes.count
            let isValue = try value.encode(into: &bytes)
            starts.append(isValue ? start : nil)
            lengthList.append(Int32(bytes.count - start))
        }
        // An address is needed even for an empty value: without one it would be NULL.
        bytes.append(0)
    }

    struct Pointers {
        var count: Int32
        var types: UnsafePointer<UInt32>?
        var values: Libpq.Strings?
        var lengths: UnsafePointer<Int32>?
        var formats: UnsafePointer<Int32>?
    }

    func with(_ body: (Pointers) throws -> Void) throws {
        try bytes.withUnsafeBytes { buffer in
            let base = buffer.baseAddress?.assumingMemoryBound(to: CChar.self)
            let pointers = starts.map { start in start.flatMap { offset in base.map { $0 + offset } } }
            let formatList = [Int32](repeating: 1, count: starts.count)
            try pointers.withUnsafeBufferPointer { values in
                try lengthList.withUnsafeBufferPointer { lengths in
                    try formatList.withUnsafeBufferPointer { formats in
                        try typeList.withUnsafeBufferPointer { types in
                            try body(
                                Pointers(
                                    count: Int32(starts.count), types: types.baseAddress, values: values.baseAddress,
                                    lengths: lengths.baseAddress, formats: formats.baseAddress))
                        }
                    }
                }
            }
        }
    }
}

/// Calls `body` with the strings as a NULL-terminated array of C strings.
func withCStrings<Value>(_ strings: [String], _ body: (Libpq.Strings?) -> Value) -> Value {
    let copies = strings.map { strdup($0) }
    defer { for copy in copies { free(copy) } }
    let pointers: [UnsafePointer<CChar>?] = copies.map { $0.map { UnsafePointer($0) } } + [nil]
    return pointers.withUnsafeBufferPointer { body($0.baseAddress) }
}

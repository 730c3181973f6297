public import Foundation

/// What one statement brought.
public final class PostgresResult {
    private let libpq: Libpq
    private let handle: Libpq.Result
    private lazy var columns = columnPositions()
    /// How many rows it has.
    public let count: Int

    init(_ handle: Libpq.Result, _ libpq: Libpq) {
        self.handle = handle
        self.libpq = libpq
        count = Int(libpq.rowCount(handle))
    }

    deinit { libpq.clear(handle) }

    public subscript(index: Int) -> PostgresRow { PostgresRow(result: self, index: Int32(index)) }

    /// Its rows, each made into a value.
    public func map<Value>(_ make: (PostgresRow) throws -> Value) rethrows -> [Value] {
        try (0..<count).map { try make(self[$0]) }
    }

    public var first: PostgresRow? { count > 0 ? self[0] : nil }

    /// Such as `COMMIT` or `UPDATE 3`.
    public var commandTag: String { libpq.commandTag(handle).map { String(cString: $0) } ?? "" }

    fileprivate func position(of column: String) -> Int32? { columns[column] }

    fileprivate func type(at column: Int32) -> UInt32 { libpq.columnType(handle, column) }

    /// The bytes of a field, nil for NULL; they live as long as the result.
    fileprivate func withBytes<Value>(
        row: Int32, column: Int32, _ body: (UnsafeBufferPointer<UInt8>) throws -> Value
    ) rethrows -> Value? {
        try withExtendedLifetime(self) {
            guard libpq.isNull(handle, row, column) == 0, let start = libpq.value(handle, row, column) else {
                return nil
            }
            let length = Int(libpq.length(handle, row, column))
            return try start.withMemoryRebound(to: UInt8.self, capacity: length) {
                try body(UnsafeBufferPointer(start: $0, count: length))
            }
        }
    }

    private func columnPositions() -> [String: Int32] {
        var positions: [String: Int32] = [:]
        for column in 0..<libpq.columnCount(handle) {
            guard let name = libpq.columnName(handle, column) else { continue }
            positions[String(cString: name), default: column] = column
        }
        return positions
    }
}

/// A row of a result. Reads fields by name or by position; a field of another type is an error, never a crash.
public struct PostgresRow {
    private let result: PostgresResult
    private let index: Int32

    fileprivate init(result: PostgresResult, index: Int32) {
        self.result = result
        self.index = index
    }

    public func optionalText(_ column: String) throws -> String? { try optionalText(position(of: column)) }
    public func optionalText(_ column: Int32) throws -> String? {
        switch result.type(at: column) {
        case PostgresType.text, PostgresType.varchar, PostgresType.name:
            result.withBytes(row: index, column: column) { PostgresText.decode($0) }
        case PostgresType.uuid:
            result.withBytes(row: index, column: column) { PostgresUUID.text(of: $0) }
        case let type: throw Self.unexpected(type)
        }
    }

    public func optionalInteger(_ column: String) throws -> Int64? { try optionalInteger(position(of: column)) }
    public func optionalInteger(_ column: Int32) throws -> Int64? {
        switch result.type(at: column) {
        case PostgresType.int2, PostgresType.int4, PostgresType.int8:
            result.withBytes(row: index, column: column) { bytes in
                let isNegative = bytes.first.map { $0 & 0x80 != 0 } ?? false
                return bytes.reduce(isNegative ? Int64(-1) : 0) { $0 << 8 | Int64($1) }
            }
        case let type: throw Self.unexpected(type)
        }
    }

    public func optionalFlag(_ column: String) throws -> Bool? { try optionalFlag(position(of: column)) }
    public func optionalFlag(_ position: Int32) throws -> Bool? {
        guard result.type(at: position) == PostgresType.bool else { throw Self.unexpected(result.type(at: position)) }
        return result.withBytes(row: index, column: position) { $0.first == 1 }
    }

    public func optionalBytes(_ column: String) throws -> Data? { try optionalBytes(position(of: column)) }
    public func optionalBytes(_ column: Int32) throws -> Data? {
        guard result.type(at: column) == PostgresType.bytea else { throw Self.unexpected(result.type(at: column)) }
        return result.withBytes(row: index, column: column) { Data($0) }
    }

    private func position(of column: String) throws -> Int32 {
        guard let position = result.position(of: column) else {
            throw PostgresError(.decoding, "The result has no column \(column).")
        }
        return position
    }

    private static func unexpected(_ type: UInt32) -> PostgresError {
        PostgresError(.decoding, "A column has a type (\(type)) that was not expected.")
    }
}

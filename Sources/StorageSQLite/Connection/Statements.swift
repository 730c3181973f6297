package import Domain
package import Foundation
package import GRDB
internal import Storage

/// A value for a `?` placeholder.
typealias SQLValue = (any DatabaseValueConvertible)?

extension Database {
    /// Executes one statement, compiled once per connection.
    func run(_ sql: String, _ values: SQLValue...) throws {
        try cachedStatement(sql: sql).execute(arguments: StatementArguments(values))
    }

    /// The first row of a query.
    func row(_ sql: String, _ values: SQLValue...) throws -> Row? {
        try Row.fetchOne(cachedStatement(sql: sql), arguments: StatementArguments(values))
    }

    /// All rows of a query, each made into a value.
    func rows<Value>(_ sql: String, _ values: SQLValue..., make: (Row) throws -> Value) throws -> [Value] {
        try rows(sql, arguments: StatementArguments(values), make: make)
    }

    func rows<Value>(
        _ sql: String, arguments: StatementArguments, make: (Row) throws -> Value
    ) throws -> [Value] {
        let cursor = try Row.fetchCursor(cachedStatement(sql: sql), arguments: arguments)
        var found: [Value] = []
        while let row = try cursor.next() { found.append(try make(row)) }
        return found
    }

    /// Whether a query finds anything.
    func exists(_ sql: String, _ values: SQLValue...) throws -> Bool {
        try Int.fetchOne(cachedStatement(sql: "SELECT EXISTS (\(sql))"), arguments: StatementArguments(values)) == 1
    }
}

/// Columns as the domain's values; an invalid value is a `.corrupt` error, never a crash.
extension Row: StoredRow {
    package func text(_ column: String) throws -> String { try required(optionalText(column), column) }
    package func optionalText(_ column: String) -> String? { self[column] }

    package func integer(_ column: String) throws -> Int64 { try required(optionalInteger(column), column) }
    package func optionalInteger(_ column: String) -> Int64? { self[column] }
    package func int(_ column: String) throws -> Int { Int(try integer(column)) }
    package func optionalInt(_ column: String) -> Int? { optionalInteger(column).map { Int($0) } }
    package func flag(_ column: String) throws -> Bool { try integer(column) != 0 }

    package func blob(_ column: String) throws -> Data { try required(self[column] as Data?, column) }

    package func time(_ column: String) throws -> Timestamp { Timestamp(milliseconds: try integer(column)) }
    package func optionalTime(_ column: String) -> Timestamp? {
        optionalInteger(column).map { Timestamp(milliseconds: $0) }
    }

    package func id<Noun>(_ column: String) throws -> Identifier<Noun> {
        try required(Identifier(text(column)), column)
    }
    package func optionalID<Noun>(_ column: String) throws -> Identifier<Noun>? {
        try optionalText(column).map { try required(Identifier($0), column) }
    }

    /// One of a fixed set of names.
    package func name<Name: RawRepresentable<String>>(_ column: String) throws -> Name {
        try required(Name(rawValue: text(column)), column)
    }
    package func optionalName<Name: RawRepresentable<String>>(_ column: String) throws -> Name? {
        try optionalText(column).map { try required(Name(rawValue: $0), column) }
    }

    private func required<Value>(_ value: Value?, _ column: String) throws -> Value {
        guard let value else { throw StorageError(.corrupt, "The column \(column) has an invalid value.") }
        return value
    }
}

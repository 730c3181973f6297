public import Domain
package import Foundation
public import Postgres
internal import Storage

/// A connection inside a transaction.
typealias Database = PostgresConnection
typealias Row = PostgresRow

/// A value for a parameter.
typealias SQLValue = any PostgresConvertible

extension Identifier: PostgresConvertible {
    public var postgresValue: PostgresValue { .uuid(rawValue) }
    public static var postgresNull: PostgresValue { .uuid(nil) }
}

extension Timestamp: PostgresConvertible {
    public var postgresValue: PostgresValue { .int(milliseconds) }
    public static var postgresNull: PostgresValue { .int(nil) }
}

extension Database {
    /// Queues a statement, which travels with the next one whose result is looked at, or with the commit.
    func run(_ sql: String, _ values: SQLValue...) {
        run(sql, values.map(\.postgresValue))
    }

    /// Executes a statement whose failure the caller wants to know at once.
    func execute(_ sql: String, _ values: SQLValue...) throws {
        try query(sql, values.map(\.postgresValue))
    }

    /// The first row of a query.
    func row(_ sql: String, _ values: SQLValue...) throws -> Row? {
        try query(sql, values.map(\.postgresValue)).first
    }

    /// All rows of a query, each made into a value.
    func rows<Value>(_ sql: String, _ values: SQLValue..., make: (Row) throws -> Value) throws -> [Value] {
        try query(sql, values.map(\.postgresValue)).map(make)
    }

    /// Whether a query finds anything.
    func exists(_ sql: String, _ values: SQLValue...) throws -> Bool {
        try query(sql + " LIMIT 1", values.map(\.postgresValue)).count > 0
    }
}

/// Columns as the domain's values; an invalid value is a `.corrupt` error, never a crash.
extension Row: StoredRow {
    package func text(_ column: String) throws -> String { try required(optionalText(column), column) }
    package func integer(_ column: String) throws -> Int64 { try required(optionalInteger(column), column) }
    package func int(_ column: String) throws -> Int { Int(try integer(column)) }
    package func optionalInt(_ column: String) throws -> Int? { try optionalInteger(column).map { Int($0) } }
    package func flag(_ column: String) throws -> Bool { try required(optionalFlag(column), column) }
    package func blob(_ column: String) throws -> Data { try required(optionalBytes(column), column) }

    package func time(_ column: String) throws -> Timestamp { Timestamp(milliseconds: try integer(column)) }
    package func optionalTime(_ column: String) throws -> Timestamp? {
        try optionalInteger(column).map { Timestamp(milliseconds: $0) }
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

extension StorageError {
    /// Maps `error` for callers: PostgreSQL errors become `StorageError`s; refusals and cancellation are unchanged.
    static func mapped(_ error: any Error) -> any Error {
        switch error {
        case is Refusal, is StorageError, is CancellationError: error
        case let error as PostgresError: StorageError(kind(of: error), error.message)
        default: StorageError(.failed, "\(type(of: error))")
        }
    }

    private static func kind(of error: PostgresError) -> Kind {
        switch error.kind {
        case .connection, .timeout, .unknownCommit, .library, .settings: .unavailable
        case .closed: .closed
        case .decoding: .corrupt
        case .server: kind(of: error.sqlState ?? "")
        }
    }

    private static func kind(of sqlState: String) -> Kind {
        switch sqlState {
        case "53100": .full
        case "XX001", "XX002": .corrupt
        case _ where ["40", "53", "55", "57", "58"].contains(sqlState.prefix(2)), "25006": .unavailable
        default: .failed
        }
    }
}

extension PostgresError {
    var isUniqueViolation: Bool { sqlState == SQLState.uniqueViolation }
    var isForeignKeyViolation: Bool { sqlState == SQLState.foreignKeyViolation }
}

/// Where a page of a list begins; the first page begins after every possible time.
extension PageCursor? {
    var time: Int64 { self?.createdAt.milliseconds ?? .max }
    var uuid: PostgresValue { .uuid(self?.id ?? JobID.lowest) }
}

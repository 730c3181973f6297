internal import Crypto
internal import Domain
internal import Foundation

/// An end of the stored chain: an event's number and hash.
public struct AuditEnd: Hashable, Sendable, CustomStringConvertible {
    public var number: Int64
    public var hash: String

    public init(number: Int64, hash: String) {
        self.number = number
        self.hash = hash
    }

    /// Before the first event.
    public static let start = AuditEnd(number: 0, hash: AuditChain.start)

    /// `NUMBER:HASH`, to be kept elsewhere.
    public var description: String { "\(number):\(hash)" }

    /// Reads ``description`` back; nil for anything else.
    public init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, let number = Int64(parts[0]), number >= 0, parts[1].utf8.count == 64,
            parts[1].allSatisfy({ $0.isASCII && $0.isHexDigit && !$0.isUppercase })
        else { return nil }
        self.init(number: number, hash: String(parts[1]))
    }
}

/// What is wrong with the chain, and at which event.
public struct AuditProblem: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Kind: String, Codable, Sendable {
        /// The event was changed after it was sealed.
        case altered = "ALTERED"
        /// The event is not there anymore.
        case missing = "MISSING"
        /// The event was not written by Vintner.
        case inserted = "INSERTED"
    }

    public var kind: Kind
    public var number: Int64
    public var reason: String

    public init(_ kind: Kind, _ number: Int64, _ reason: String) {
        self.kind = kind
        self.number = number
        self.reason = reason
    }

    public var description: String { reason }
}

/// Checks events one after the other, in the order of their numbers. Needs no key.
public struct AuditChain: Sendable {
    /// The hash before the first event.
    public static let start = String(repeating: "0", count: 64)

    /// The last event that was checked.
    public private(set) var end: AuditEnd

    public init(after end: AuditEnd = .start) { self.end = end }

    static func seal(_ event: AuditEvent, after last: AuditEnd) -> AuditSeal {
        let number = last.number + 1
        let bytes = event.canonicalBytes(number: number, previousHash: last.hash)
        return AuditSeal(
            number: number, previousHash: last.hash, hash: SHA256.hash(data: bytes).hexadecimal)
    }

    /// Checks that an event follows the one before.
    ///
    /// - Parameter canonical: what the seal's hash is of.
    /// - Throws: ``AuditProblem``. The next event can be checked afterwards.
    public mutating func check(_ seal: AuditSeal, canonical: [UInt8]) throws(AuditProblem) {
        let before = end
        guard seal.number > before.number else {
            throw AuditProblem(.inserted, seal.number, "Event \(seal.number) is there twice: one was inserted.")
        }
        end = AuditEnd(number: seal.number, hash: seal.hash)
        guard seal.number == before.number + 1 else {
            let number = before.number + 1
            let last = seal.number - 1
            let which = number == last ? "Event \(number) is" : "Events \(number) to \(last) are"
            throw AuditProblem(.missing, number, "\(which) missing: removed after sealing.")
        }
        guard SHA256.hash(data: canonical).hexadecimal == seal.hash else {
            throw AuditProblem(
                .altered, seal.number,
                "Event \(seal.number) doesn't match its hash: it was changed after it was sealed.")
        }
        guard seal.previousHash == before.hash else {
            throw AuditProblem(
                .altered, seal.number,
                "Event \(seal.number) doesn't follow event \(before.number): one of them was replaced.")
        }
    }

    /// Checks a stored event, also that Vintner wrote it.
    mutating func check(_ record: AuditRecord) throws(AuditProblem) {
        guard let seal = record.seal else { return }
        try check(
            seal, canonical: record.event.canonicalBytes(number: seal.number, previousHash: seal.previousHash))
        guard record.isAuthentic else {
            throw AuditProblem(
                .inserted, seal.number, "Event \(seal.number) was not written by Vintner: it was inserted or replaced.")
        }
    }

    /// Checks a line of an export. - Throws: ``AuditProblem``.
    public mutating func check(line: some Collection<UInt8>) throws(AuditProblem) {
        let next = end.number + 1
        guard case .object(var members)? = try? JSONValue(parsing: line, maxDepth: JSONDepth.trusted),
            let number = members["number"]?.integerValue, let previous = members["prev_hash"]?.stringValue,
            let hash = members.removeValue(forKey: "hash")?.stringValue
        else { throw AuditProblem(.altered, next, "The line after event \(end.number) is not a sealed event.") }
        try check(
            AuditSeal(number: number, previousHash: previous, hash: hash),
            canonical: JSONValue.object(members).bytes)
    }

    /// Checks that nothing is missing after the last event. - Throws: ``AuditProblem``.
    public func finish(at head: AuditEnd) throws(AuditProblem) {
        guard end.number >= head.number else {
            throw AuditProblem(
                .missing, end.number + 1,
                "Events after \(end.number) are missing: the chain went up to event \(head.number).")
        }
        guard end.number > head.number || end.hash == head.hash else {
            throw AuditProblem(.altered, head.number, "Event \(head.number) has another hash than the head has.")
        }
    }
}

public import Domain
package import Foundation

/// A stored event with its place in the hash chain.
public struct AuditRecord: Hashable, Sendable {
    public var event: AuditEvent
    /// Nil until the event is sealed.
    public var seal: AuditSeal?
    /// Whether Vintner wrote the event, and sealed it as it is: the stored MAC is right. Somebody who can write to the
    /// database but does not have the key can't make one.
    public var isAuthentic: Bool
    /// The order in which events were stored.
    package var position: Int64

    package init(event: AuditEvent, seal: AuditSeal?, isAuthentic: Bool, position: Int64) {
        self.event = event
        self.seal = seal
        self.isAuthentic = isAuthentic
        self.position = position
    }
}

/// A place in the hash chain.
public struct AuditSeal: Hashable, Sendable {
    /// Counts the events, from 1, in the order of their commits.
    public var number: Int64
    /// The hash of the event before; of the first one, ``AuditChain/start``.
    public var previousHash: String
    /// SHA-256 of ``AuditEvent/canonicalBytes(number:previousHash:)``, in hexadecimal digits.
    public var hash: String

    public init(number: Int64, previousHash: String, hash: String) {
        self.number = number
        self.previousHash = previousHash
        self.hash = hash
    }
}

extension AuditEvent {
    /// The event as the API shows it, without its place in the chain. Absent members have no value.
    public var members: [String: JSONValue] {
        var members: [String: JSONValue] = [
            "id": .string(id.rawValue), "at": .string(at.description), "actor_kind": .string(actor.kind.rawValue),
            "actor_name": .string(actor.name), "roles": .array(actor.roles.map(JSONValue.string)),
            "action": .string(action.rawValue), "outcome": .string(outcome.rawValue), "changes": .object(changes),
        ]
        func add(_ name: String, _ text: String?) { if let text { members[name] = .string(text) } }
        add("actor_id", actor.id)
        add("actor_source", actor.source)
        add("token_id", actor.tokenID)
        add("request_id", requestID)
        add("ip", address)
        add("resource_kind", resource?.kind)
        add("resource_id", resource?.id)
        add("resource_name", resource?.name)
        add("vine_id", vine?.rawValue)
        add("job_id", job?.rawValue)
        add("reason", reason)
        return members
    }

    /// What is hashed: the event as JSON with sorted names and no white space, with its number and the hash before it.
    public func canonicalBytes(number: Int64, previousHash: String) -> [UInt8] {
        var members = members
        members["number"] = .integer(number)
        members["prev_hash"] = .string(previousHash)
        return JSONValue.object(members).bytes
    }
}

extension AuditRecord {
    /// A line of an export: what is hashed, and the hash.
    public var line: [UInt8] {
        var members = event.members
        if let seal {
            members["number"] = .integer(seal.number)
            members["prev_hash"] = .string(seal.previousHash)
            members["hash"] = .string(seal.hash)
        }
        return JSONValue.object(members).bytes + [UInt8(ascii: "\n")]
    }
}

extension Vault {
    /// Shows that Vintner wrote the event.
    package func mac(of event: AuditEvent) -> Data {
        fingerprint(of: Data(JSONValue.object(event.members).bytes), for: "audit-event")
    }

    /// Shows that Vintner sealed an event with this hash.
    package func mac(ofHash hash: String) -> Data { fingerprint(of: Data(hash.utf8), for: "audit-seal") }

    /// Shows that Vintner wrote where the chain begins or ends.
    package func mac(of end: AuditEnd, _ name: String) -> Data {
        fingerprint(of: Data("\(name):\(end.number):\(end.hash)".utf8), for: "audit-chain")
    }

    /// The seal of `record` after `last`, with the MAC to store. An event that Vintner did not write is sealed, too, so
    /// that nobody can stop the chain, but with no MAC: it stays recognizable.
    package func seal(_ record: AuditRecord, after last: AuditEnd) -> (seal: AuditSeal, mac: Data) {
        let seal = AuditChain.seal(record.event, after: last)
        return (seal, record.isAuthentic ? mac(ofHash: seal.hash) : Data())
    }
}

extension AuditRecord {
    /// A row that was changed so that it can't be read anymore: in place of its event is one that matches no hash.
    package static func unreadable(seal: AuditSeal?, position: Int64) -> AuditRecord {
        let event = AuditEvent(
            id: Identifier(randomBytes: [UInt8](repeating: 0, count: 16)), at: Timestamp(milliseconds: 0),
            actor: .unknown, action: AuditAction("unreadable"), outcome: .failed,
            reason: "This row of the database can't be read.")
        return AuditRecord(event: event, seal: seal, isAuthentic: false, position: position)
    }

    /// The record of a row, which may have been changed.
    package init(
        event: () throws -> AuditEvent, seal: AuditSeal?, mac: Data, position: Int64, vault: Vault
    ) {
        guard let event = try? event() else {
            self = .unreadable(seal: seal, position: position)
            return
        }
        let expected = seal.map { vault.mac(ofHash: $0.hash) } ?? vault.mac(of: event)
        self.init(event: event, seal: seal, isAuthentic: mac == expected, position: position)
    }
}

internal import Domain
internal import Hummingbird
internal import NIOCore
internal import Storage
internal import Synchronization

extension TrellisContext {
    /// Who sent the request, and from where.
    var audit: AuditContext {
        AuditContext(
            actor: AuditActor(principal), requestID: id,
            address: forwardedAddress ?? channel.remoteAddress?.ipAddress)
    }
}

extension APICall {
    /// Who makes the call. A Tendril has its ID as its name; see ``audit(_:)``.
    var audit: AuditContext {
        var audit = context.audit
        audit.onceOnly = onceOnly
        audit.actor.roles = rights.held.prefix(Self.maximumRoles).map { "\($0.role.rawValue) on \($0.scope)" }
        return audit
    }

    /// Roles in one event.
    private static var maximumRoles: Int { 20 }

    /// Who makes the call, a Tendril with its name.
    func audit(_ tendrils: any TendrilStore) async throws -> AuditContext {
        var audit = self.audit
        if case .tendril(let id) = context.principal, let name = try await tendrils.tendril(id)?.name {
            audit.actor.name = name
        }
        return audit
    }
}

extension AuditActor {
    init(_ principal: Principal?) {
        switch principal {
        case .user(let user):
            switch user.credential {
            case .tokenHash(let hash):
                let id = AccessEntry(kind: .token, hash: hash, name: user.name).id
                self.init(kind: .token, id: id, name: user.name, source: "token", tokenID: id)
            case .sessionHash(let hash):
                let id = AccessEntry(kind: .session, hash: hash, name: user.name).id
                self.init(kind: .user, id: user.name, name: user.name, source: "session", tokenID: id)
            }
        case .tendril(let id): self.init(kind: .tendril, id: id.rawValue, name: id.rawValue, source: "tendril")
        case nil: self = .unknown
        }
    }
}

/// Who sent a request, as soon as that is known: for what runs outside of the authentication.
final class RequestSender: Sendable {
    private let state = Mutex<Principal?>(nil)

    var principal: Principal? {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }
}

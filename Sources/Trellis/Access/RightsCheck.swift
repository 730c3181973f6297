internal import Domain
internal import Hummingbird
internal import Storage
internal import Synchronization
internal import Wire

/// Asks the policy (``Rights``), and says what is missing and who can give it.
struct RightsCheck: Sendable {
    var store: any Store

    func rights(of account: Account) async throws -> Rights { try await store.rights(of: account) }

    /// nil for something that does not exist.
    func place(of resource: PathResource) async throws -> AccessPlace? {
        switch resource {
        case .job(let id): try await store.vine(of: id).map { .vine($0.vine, in: $0.vineyard) }
        case .vine(let id): try await store.vineyard(of: id).map { .vine(id, in: $0) }
        case .vineyard(let id): try await store.vineyard(id).map { .vineyard($0.id) }
        case .identity(let id): try await store.identity(id).map { .vineyard($0.vineyard) }
        }
    }

    /// - Parameter resource: nil to ask for the permission anywhere.
    /// - Throws: 404 for what does not exist, and in the same words for what the account may not know of; 403 with the
    ///   missing permission.
    func require(_ permission: Permission, on resource: PathResource?, _ rights: Rights) async throws {
        guard let resource, permission.level == .vine else {
            return try await require(permission, at: permission.level == .vine ? .anywhere : .installation, rights)
        }
        guard let place = try await place(of: resource) else { throw Refusal.notFound(resource.noun) }
        try await require(permission, at: place, noun: resource.noun, rights)
    }

    func require(
        _ permission: Permission, at place: AccessPlace, noun: String = "page", _ rights: Rights
    ) async throws {
        switch rights.decide(permission, on: place) {
        case .allowed: return
        case .hidden: throw Refusal.hidden(noun, missing: permission)
        case .denied(let denial): throw Refusal(.forbidden, try await sentence(denial, at: place))
        }
    }

    /// Whether an account still has what an open stream was allowed by.
    func allows(_ use: StreamUse, _ account: Account) async throws -> Bool {
        let rights = try await rights(of: account)
        guard let resource = use.resource, use.permission.level == .vine else {
            return rights.allows(use.permission, on: use.permission.level == .vine ? .anywhere : .installation)
        }
        guard let place = try await place(of: resource) else { return false }
        return rights.allows(use.permission, on: place)
    }

    /// Names the missing right, the role that gives it, and who can grant that.
    func sentence(_ denial: AccessDenial, at place: AccessPlace) async throws -> String {
        let permission = denial.permission
        if case .outOfScope = denial {
            return "This token does not have the scope \(permission.rawValue). Use a token that has it."
        }
        let level = permission.level == .installation ? AccessPlace.installation : place
        let role = Role.least(for: permission).map { " The role \($0.rawValue) gives it." } ?? ""
        return "To \(permission.deed)\(level.phrase), you need the right \(permission.rawValue).\(role) "
            + "\(try await givers(at: level)) can grant it."
    }

    /// The administrators there, as a phrase.
    private func givers(at place: AccessPlace) async throws -> String {
        let query = GrantQuery(scopes: place.scopes, role: .admin)
        let found = try await store.grants(query, limit: Self.givers + 1, cursor: nil).items
        let names = found.prefix(Self.givers).map { grant in
            grant.principal.kind == .team ? "the team \(grant.principal.name)" : grant.principal.name
        }
        let all = found.count > Self.givers ? names + ["others"] : names
        guard let last = all.last, all.count > 1 else { return all.first ?? "An administrator" }
        return all.dropLast().joined(separator: ", ") + " and " + last
    }

    /// The maximum number of administrators that a sentence names.
    private static let givers = 3
}

extension AccessPlace {
    /// Where a grant counts for this place.
    fileprivate var scopes: [GrantScope] {
        switch self {
        case .installation, .anywhere: [.installation]
        case .vineyard(let id): [.installation, .vineyard(id)]
        case .vine(let id, let vineyard): [.installation, .vineyard(vineyard), .vine(id)]
        }
    }

    fileprivate var phrase: String {
        switch self {
        case .installation: " in this installation"
        case .anywhere: ""
        case .vineyard: " in this vineyard"
        case .vine: " on this vine"
        }
    }
}

/// What an open stream was allowed by. It is asked again while the stream is open.
struct StreamUse: Hashable, Sendable {
    var permission: Permission
    var resource: PathResource?
}

/// What a request was allowed by; for what is outside of the route.
final class RequestUse: Sendable {
    private let state = Mutex<StreamUse?>(nil)

    var value: StreamUse? {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }
}

/// The right that a request lacked to see something that exists; for what is outside of the route.
final class HiddenRight: Sendable {
    private let state = Mutex<Permission?>(nil)

    var value: Permission? {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }
}

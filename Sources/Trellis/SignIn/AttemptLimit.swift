internal import Domain
internal import Foundation
internal import Hummingbird
internal import NIOCore
internal import Synchronization

/// Limits failed sign-in attempts for each account and each address.
///
/// An attempt counts from its start, so that many at once don't get around the limit; a success gives it back. Memory is
/// bounded: above ``capacity`` keys, those that are free again soonest are forgotten.
final class AttemptLimit: Sendable {
    struct Limits: Sendable {
        var perAccount = 10
        var perAddress = 50
        /// Milliseconds until an attempt is forgotten.
        var window: Int64 = 10 * 60_000
    }

    enum Key: Hashable, Sendable {
        case account(String)
        case address(String)
    }

    static let capacity = 20_000

    private let limits: Limits
    private let ambient: SystemDependencies
    /// When each attempt is forgotten, the first one first.
    private let attempts = Mutex<[Key: [Timestamp]]>([:])

    init(limits: Limits = .init(), ambient: SystemDependencies) {
        self.limits = limits
        self.ambient = ambient
    }

    /// Counts an attempt on an account from an address.
    ///
    /// - Returns: how many failures are left after this one. - Throws: ``Refusal`` `.tooMany` that says when to try again.
    @discardableResult
    func begin(account: String, address: String) throws(Refusal) -> Int {
        let keys = Self.keys(account, address)
        let now = ambient.now()
        let (freeAt, left) = attempts.withLock { attempts -> (Timestamp?, Int) in
            var left = Int.max
            var freeAt: Timestamp?
            for key in keys {
                let current = (attempts[key] ?? []).filter { $0 > now }
                attempts[key] = current.isEmpty ? nil : current
                let limit = limit(of: key)
                if current.count >= limit { freeAt = max(freeAt ?? now, current[current.count - limit]) }
                left = min(left, limit - current.count - 1)
            }
            guard freeAt == nil else { return (freeAt, 0) }
            for key in keys { attempts[key, default: []].append(now.advanced(by: limits.window)) }
            if attempts.count > Self.capacity { Self.forget(&attempts, at: now) }
            return (nil, left)
        }
        if let freeAt {
            let wait = DurationPhrase.of(milliseconds: max(1000, freeAt.milliseconds(since: now)))
            throw Refusal(.tooMany, "Too many failed attempts to sign in. Try again in \(wait).")
        }
        return left
    }

    /// The attempt was a success: it does not count, and those on its account before it don't either.
    func succeed(account: String, address: String) {
        attempts.withLock { attempts in
            for key in Self.keys(account, address) {
                if case .account = key { attempts[key] = nil } else { _ = attempts[key]?.popLast() }
            }
        }
    }

    private func limit(of key: Key) -> Int {
        if case .account = key { limits.perAccount } else { limits.perAddress }
    }

    private static func keys(_ account: String, _ address: String) -> [Key] {
        // Long names would make the bound on memory worthless.
        [.account(String(account.lowercased().prefix(64))), .address(address)]
    }

    private static func forget(_ attempts: inout [Key: [Timestamp]], at now: Timestamp) {
        attempts = attempts.filter { $0.value.contains { $0 > now } }
        guard attempts.count > capacity else { return }
        let order = attempts.sorted { ($0.value.last ?? now) < ($1.value.last ?? now) }
        for (key, _) in order.prefix(attempts.count - capacity * 3 / 4) { attempts[key] = nil }
    }
}

/// Where a request comes from.
struct ClientAddress: Sendable {
    /// Whether a proxy stands in front, which says for whom it asks.
    var isBehindProxy: Bool

    private static let forwardedFor = headerName("X-Forwarded-For")

    /// The address; behind a proxy, the one that the proxy saw. Empty if it is not known.
    func text(_ request: Request, _ context: TrellisContext) -> String {
        if isBehindProxy, let list = request.headers[Self.forwardedFor],
            let last = list.split(separator: ",").last?.trimmingCharacters(in: .whitespaces),
            let address = try? SocketAddress(ipAddress: last, port: 0)
        {
            return address.ipAddress ?? ""
        }
        return context.channel.remoteAddress?.ipAddress ?? ""
    }

    /// What attempts are counted by: a network of IPv6, which is one customer's, counts as one.
    func network(_ request: Request, _ context: TrellisContext) -> String {
        let text = text(request, context)
        guard case .v6(let address)? = try? SocketAddress(ipAddress: text, port: 0) else { return text }
        return withUnsafeBytes(of: address.address.sin6_addr) { $0.prefix(8).hexadecimal }
    }
}

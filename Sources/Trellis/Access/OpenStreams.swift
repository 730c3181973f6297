internal import Domain
internal import Hummingbird
internal import NIOCore
internal import Storage
internal import Synchronization

/// The responses that are being sent piece by piece: event streams, downloads, searches.
///
/// A stream that is open when its credential is revoked is cut, also one whose reader takes nothing.
final class OpenStreams: Sendable {
    /// The credential of a stream, and what it was allowed by.
    enum Holder: Hashable, Sendable {
        case user(Credential, StreamUse?)
        case tendril(TendrilID)

        init(_ principal: Principal, _ use: StreamUse?) {
            switch principal {
            case .user(let user): self = .user(user.credential, use)
            case .tendril(let id): self = .tendril(id)
            }
        }
    }

    private struct State {
        var streams: [Int: (holder: Holder, cut: @Sendable () -> Void)] = [:]
        var next = 0
    }

    private let state = Mutex(State())

    var count: Int { state.withLock { $0.streams.count } }

    /// The credentials of users who have one open.
    var credentials: Set<Credential> {
        state.withLock { state in
            Set(
                state.streams.values.compactMap { stream in
                    if case .user(let credential, _) = stream.holder { credential } else { nil }
                })
        }
    }

    /// - Returns: the number to ``remove(_:)`` it by.
    func add(_ holder: Holder, cut: @escaping @Sendable () -> Void) -> Int {
        state.withLock { state in
            state.next += 1
            state.streams[state.next] = (holder, cut)
            return state.next
        }
    }

    func remove(_ number: Int) {
        state.withLock { $0.streams[number] = nil }
    }

    /// Cuts the streams that stand on `credential`.
    func end(_ credential: Credential) {
        cut { holder in
            if case .user(credential, _) = holder { true } else { false }
        }
    }

    /// Cuts the streams whose credential is no longer good, or which its account may no longer read; asks once for
    /// each, however many use it.
    func sweep(_ access: AccessCheck, _ rights: RightsCheck, _ tendrils: any TendrilStore) async throws {
        for holder in Set(state.withLock { $0.streams.values.map(\.holder) }) {
            let isGood =
                switch holder {
                case .user(let credential, let use):
                    if let account = try await access.user(of: credential) {
                        if let use { try await rights.allows(use, account) } else { true }
                    } else {
                        false
                    }
                case .tendril(let id): try await tendrils.tendrilTokenHash(id) != nil
                }
            if !isGood { cut { $0 == holder } }
        }
    }

    private func cut(where isMeant: (Holder) -> Bool) {
        let found = state.withLock { state in
            let numbers = state.streams.filter { isMeant($0.value.holder) }.map(\.key)
            return numbers.compactMap { state.streams.removeValue(forKey: $0)?.cut }
        }
        for cut in found { cut() }
    }
}

/// Registers responses without a known length for as long as they are sent.
struct StreamRegistration: RouterMiddleware {
    let streams: OpenStreams

    func handle(
        _ request: Request, context: TrellisContext, next: (Request, TrellisContext) async throws -> Response
    ) async throws -> Response {
        var response = try await next(request, context)
        guard let principal = context.principal, response.body.contentLength == nil else { return response }
        let (body, channel, use) = (response.body, context.channel, context.use.value)
        response.body = ResponseBody { [streams] writer in
            let number = streams.add(.init(principal, use)) { channel.close(promise: nil) }
            defer { streams.remove(number) }
            try await body.write(writer)
        }
        return response
    }
}

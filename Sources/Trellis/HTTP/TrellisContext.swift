internal import Domain
internal import Hummingbird
internal import Logging
internal import NIOCore

/// What travels with a request: who sent it, once that is known.
struct TrellisContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    var principal: Principal?
    /// The connection that the request came on.
    let channel: any Channel

    init(source: Source) {
        channel = source.channel
        coreContext = .init(source: source)
    }

    /// The signed-in user. - Throws: 401 or 403 where there is none.
    func requireUser() throws -> String {
        switch principal {
        case .user(let user): return user.name
        case .tendril: throw HTTPError(.forbidden, message: "This call is for users, not for Tendrils.")
        case nil:
            throw HTTPError(.unauthorized, message: "Sign in, or send an API token as \"Authorization: Bearer …\".")
        }
    }

    /// The calling Tendril. - Throws: 401 or 403 where there is none.
    func requireTendril() throws -> TendrilID {
        switch principal {
        case .tendril(let id): return id
        case .user: throw HTTPError(.forbidden, message: "This call is for Tendrils, not for users.")
        case nil: throw HTTPError(.unauthorized, message: "Send the Tendril's X-Worker-ID and X-Worker-Token.")
        }
    }

    /// Anybody who is known, before anything of the request's body is read. - Throws: 401 where nobody is.
    func requireAnybody() throws {
        if principal == nil { _ = try requireUser() }
    }

    /// The path parameter `name` as an id. - Throws: 404: what is no id names nothing.
    func id<Noun>(_ name: String, of noun: String) throws -> Identifier<Noun> {
        guard let text = parameters.get(name), let id = Identifier<Noun>(text) else {
            throw Refusal(.notFound, "There is no such \(noun).")
        }
        return id
    }
}

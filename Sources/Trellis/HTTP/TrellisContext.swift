internal import Domain
internal import Hummingbird
internal import Logging
internal import NIOCore

/// What is known about a request besides the request itself: who sent it.
struct TrellisContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    var principal: Principal? { didSet { sender.principal = principal } }
    /// The same, for what runs outside of the authentication.
    let sender = RequestSender()
    /// The sender's IP address, as the proxy in front says; nil without one.
    var forwardedAddress: String?
    /// What the request was allowed by.
    let use = RequestUse()
    /// The right that was missing where the answer says that nothing was found.
    let hidden = HiddenRight()
    /// The connection that the request came on.
    let channel: any Channel
    /// Names the request in logs, in the audit and in its response. Not every logger keeps Hummingbird's.
    var id: String { logger[metadataKey: "hb.request.id"]?.description ?? ownID }
    private let ownID = RequestID().description

    init(source: Source) {
        channel = source.channel
        coreContext = .init(source: source)
    }

    /// The signed-in user. - Throws: 401 or 403 without one.
    func requireUser() throws -> String { try requireAccount().name }

    /// The account of the signed-in user. - Throws: 401 or 403 without one.
    func requireAccount() throws -> Account {
        switch principal {
        case .user(let user): return user.account
        case .tendril: throw HTTPError(.forbidden, message: "Tendrils can't make this request.")
        case nil:
            throw HTTPError(.unauthorized, message: "Sign in, or send an API token as \"Authorization: Bearer …\".")
        }
    }

    /// The calling Tendril. - Throws: 401 or 403 without one.
    func requireTendril() throws -> TendrilID {
        switch principal {
        case .tendril(let id): return id
        case .user: throw HTTPError(.forbidden, message: "Only Tendrils can make this request.")
        case nil: throw HTTPError(.unauthorized, message: "Send the Tendril's X-Worker-ID and X-Worker-Token.")
        }
    }
}

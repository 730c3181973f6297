internal import Foundation
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import Synchronization

/// Takes the code of a `vintner login` from the browser, at an address of this machine that only programs of this machine
/// reach (RFC 8252, section 7.3).
///
/// What does not bring the right `state` is refused, and the listener goes on. The code alone is no use to others: it is
/// tied to the secret of ``LoginChallenge``.
struct LoginListener: Sendable {
    let port: Int
    private let channel: any Channel
    private let received: EventLoopFuture<String>

    static func start(state: String) async throws -> LoginListener {
        let group = MultiThreadedEventLoopGroup.singleton
        let code = LoginCodePromise(group.next().makePromise())
        let channel = try await ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(LoginCallback(state: state, code: code))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return LoginListener(
            port: channel.localAddress?.port ?? 0, channel: channel, received: code.promise.futureResult)
    }

    /// The code, once a browser has brought it.
    func code() async throws -> String {
        let code = try await received.get()
        try? await channel.close()
        return code
    }
}

/// The first code; others are ignored.
private final class LoginCodePromise: Sendable {
    let promise: EventLoopPromise<String>
    private let isKept = Mutex(false)

    init(_ promise: EventLoopPromise<String>) { self.promise = promise }

    func keep(_ code: String) {
        let isFirst = isKept.withLock { kept in
            defer { kept = true }
            return !kept
        }
        if isFirst { promise.succeed(code) }
    }
}

/// What a browser's request to a ``LoginListener`` is.
struct LoginCallbackRequest {
    /// The code; nil for a request that did not come from the page that the command opened.
    let code: String?

    init(method: HTTPMethod, uri: String, host: String?, port: Int, state: String) {
        let parts = URLComponents(string: uri)
        let items = Dictionary(
            (parts?.queryItems ?? []).map { ($0.name, $0.value ?? "") }, uniquingKeysWith: { first, _ in first })
        let given = Array((items["state"] ?? "").utf8)
        let wanted = Array(state.utf8)
        let isSame = given.count == wanted.count && zip(given, wanted).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
        // Another name for this address would be a page elsewhere that tries its luck.
        guard method == .GET, parts?.path == "/", host == "127.0.0.1:\(port)", isSame, let code = items["code"],
            !code.isEmpty, code.utf8.count <= 200
        else {
            self.code = nil
            return
        }
        self.code = code
    }
}

private final class LoginCallback: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let state: String
    private let code: LoginCodePromise
    private var request: LoginCallbackRequest?

    init(state: String, code: LoginCodePromise) {
        self.state = state
        self.code = code
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            request = LoginCallbackRequest(
                method: head.method, uri: head.uri, host: head.headers.first(name: "Host"),
                port: context.channel.localAddress?.port ?? 0, state: state)
        case .body: break
        case .end: respond(context)
        }
    }

    private func respond(_ context: ChannelHandlerContext) {
        let found = request?.code
        let text = found == nil ? "Not found." : "The command line has the code. You can close this page."
        let page = """
            <!doctype html><html lang="en"><meta charset="utf-8"><title>vintner login</title><p>\(text)</p></html>
            """
        let headers: HTTPHeaders = [
            "Content-Type": "text/html; charset=utf-8", "Content-Length": String(page.utf8.count),
            "Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Connection": "close",
        ]
        let status: HTTPResponseStatus = found == nil ? .notFound : .ok
        context.write(wrapOutboundOut(.head(.init(version: .http1_1, status: status, headers: headers))), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: page)))), promise: nil)
        let isSent = context.eventLoop.makePromise(of: Void.self)
        isSent.futureResult.whenComplete { [code, channel = context.channel] _ in
            if let found { code.keep(found) }
            channel.close(promise: nil)
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: isSent)
    }
}

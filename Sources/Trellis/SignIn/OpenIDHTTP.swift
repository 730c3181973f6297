internal import AsyncHTTPClient
internal import Foundation
internal import NIOCore
internal import NIOFoundationCompat
internal import NIOHTTP1
internal import OpenID

/// Sends requests to identity providers: limited in time and size, and without following redirects.
struct OpenIDHTTP: OpenIDTransport {
    /// How long an answer may take, from the connection to its last byte.
    static let patience = TimeAmount.seconds(10)

    private static let http: HTTPClient = {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.timeout.connect = .seconds(5)
        configuration.timeout.read = patience
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 8
        configuration.maximumUsesPerConnection = 100
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    func send(_ request: OpenIDRequest) async throws(OpenIDError) -> OpenIDAnswer {
        var outgoing = HTTPClientRequest(url: request.url)
        outgoing.headers.add(name: "Accept", value: "application/json")
        if let authorization = request.authorization {
            outgoing.headers.add(name: "Authorization", value: authorization)
        }
        if let form = request.form {
            outgoing.method = .POST
            outgoing.headers.add(name: "Content-Type", value: "application/x-www-form-urlencoded")
            outgoing.body = .bytes(ByteBuffer(string: form.encoded))
        }
        do {
            let response = try await Self.http.execute(outgoing, timeout: Self.patience)
            let body = try await response.body.collect(upTo: OpenIDLimits.answerBytes)
            return OpenIDAnswer(status: Int(response.status.code), body: [UInt8](body.readableBytesView))
        } catch {
            // The error may name addresses and hold what was sent.
            throw .unreachable
        }
    }
}

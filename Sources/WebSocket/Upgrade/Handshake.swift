internal import Crypto
internal import Foundation
internal import NIOHTTP1

/// A valid opening handshake (RFC 6455, section 4.2.1).
struct Handshake: Equatable {
    /// The client's `Sec-WebSocket-Key`.
    let key: String

    /// - Returns: `nil` where `head` is anything else than the head of a valid handshake.
    init?(_ head: HTTPRequestHead) {
        let headers = head.headers
        guard head.method == .GET, head.version == .http1_1, headers.contains(name: "Host"), !head.announcesBody,
            head.asksForUpgrade, headers.hasToken("websocket", in: "Upgrade"),
            headers["Sec-WebSocket-Version"].map(\.withoutBlanks) == ["13"]
        else { return nil }
        let keys = headers["Sec-WebSocket-Key"].map(\.withoutBlanks)
        guard keys.count == 1, let key = keys.first, Self.encodes16Bytes(key) else { return nil }
        self.key = key
    }

    /// Whether this is base64 (RFC 4648, section 4) of 16 bytes: always 22 characters and two signs of padding.
    private static func encodes16Bytes(_ key: String) -> Bool {
        key.utf8.count == 24 && key.hasSuffix("==")
            && key.utf8.prefix(22).allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"):
                    true
                default: false
                }
            }
    }

    /// The accept key (section 4.2.2, point 5.4).
    var accept: String {
        let digest = Insecure.SHA1.hash(data: Data((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8))
        return Data(digest).base64EncodedString()
    }

    /// The answer. It offers no extension and no subprotocol, whatever the client requests.
    var response: HTTPResponseHead {
        HTTPResponseHead(
            version: .http1_1, status: .switchingProtocols,
            headers: ["Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": accept])
    }
}

extension HTTPRequestHead {
    /// Whether the client requests an upgrade (RFC 9110, section 7.8). NIO's decoder stops for good after
    /// such a request, whether it is granted or not.
    var asksForUpgrade: Bool {
        headers.contains(name: "Upgrade") && headers.hasToken("upgrade", in: "Connection")
    }

    fileprivate var announcesBody: Bool {
        headers.contains(name: "Transfer-Encoding") || headers["Content-Length"].contains { $0.withoutBlanks != "0" }
    }
}

extension HTTPHeaders {
    fileprivate func hasToken(_ token: String, in name: String) -> Bool {
        self[canonicalForm: name].contains { $0.lowercased() == token }
    }
}

extension String {
    fileprivate var withoutBlanks: String { trimmingCharacters(in: .whitespaces) }
}

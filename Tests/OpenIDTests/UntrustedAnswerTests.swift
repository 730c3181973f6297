import Crypto
import CryptoExtras
import Domain
import Foundation
import JWTKit
import Synchronization
import Testing

@testable import OpenID

@Suite struct UntrustedAnswerTests {
    // MARK: - Discovery

    @Test(
        arguments: [
            ("issuer", "https://id.example.com/"), ("issuer", .null), ("token_endpoint", .null), ("jwks_uri", 1),
            ("token_endpoint", "http://id.example.com/token"), ("jwks_uri", "file:///etc/passwd"),
            ("authorization_endpoint", "javascript:alert(1)"), ("authorization_endpoint", "https://id.example.com/a b"),
            ("userinfo_endpoint", "http://127.0.0.1/"), ("authorization_endpoint", "https://id.example.com/#x"),
        ] as [(String, JSONValue)])
    func aWrongDiscoveryDocumentIsRefused(_ name: String, _ value: JSONValue) {
        var document = FakeProvider.metadata
        document[name] = value
        #expect(throws: OpenIDError.malformed("discovery document")) {
            try ProviderMetadata(JSONValue.object(document).bytes, issuer: FakeProvider.issuer)
        }
    }

    @Test func aDocumentIsLimited() throws {
        var document = JSONValue.object(FakeProvider.metadata).bytes
        document += [UInt8](repeating: 32, count: OpenIDLimits.answerBytes - document.count)
        _ = try ProviderMetadata(document, issuer: FakeProvider.issuer)
        #expect(throws: OpenIDError.self) { try ProviderMetadata(document + [32], issuer: FakeProvider.issuer) }
        let deep = String(repeating: "[", count: 200) + String(repeating: "]", count: 200)
        #expect(JSONValue.untrusted([UInt8](deep.utf8)) == nil)
    }

    @Test(arguments: [
        ("https://id.example.com/realms/a", true), ("http://127.0.0.1:8000", true), ("http://localhost", true),
        ("http://[::1]:80/x", true), ("http://id.example.com", false), ("http://127.0.0.1.example.com", false),
        ("http://localhost.example.com", false), ("https://id.example.com?x", false), ("https://", false),
        ("ftp://id.example.com", false), ("https://user@id.example.com", false),
    ])
    func anIssuerNeedsTLS(_ issuer: String, _ isAllowed: Bool) {
        #expect(EndpointRule.allows(issuer: issuer) == isAllowed)
    }

    // MARK: - Tokens

    @Test func otherAlgorithmsAreRefused() async throws {
        let provider = FakeProvider()
        let state = provider.state.withLock { $0 }
        let token = await FakeProvider.sign(state.claims, state).split(separator: ".")
        for name in ["none", "HS256", "RS512", "ES384", "PS256", "", "es256"] {
            let header = Data(#"{"alg":"\#(name)","kid":"one"}"#.utf8).base64URL
            #expect(throws: OpenIDError.badToken(.algorithm)) { try IDToken("\(header).\(token[1]).\(token[2])") }
        }
        let critical = Data(#"{"alg":"ES256","kid":"one","crit":["b64"]}"#.utf8).base64URL
        #expect(throws: OpenIDError.badToken(.malformed)) { try IDToken("\(critical).\(token[1]).\(token[2])") }
    }

    @Test(arguments: ["", ".", "a.b", "a.b.c", "e30.e30.", "e30.e30.e30.e30", "e30=.e30.e30", "!.e30.e30"])
    func aMalformedTokenIsRefused(_ text: String) {
        #expect(throws: OpenIDError.badToken(.malformed)) { try IDToken(text) }
    }

    @Test func aTokenIsLimited() async throws {
        let provider = FakeProvider()
        let state = provider.state.withLock { $0 }
        let filler = String(repeating: "x", count: OpenIDLimits.tokenBytes)
        let token = await FakeProvider.sign(["x": .string(filler)], state)
        #expect(throws: OpenIDError.badToken(.malformed)) { try IDToken(token) }
    }

    @Test func aChangedTokenIsRefused() async throws {
        let provider = FakeProvider()
        let state = provider.state.withLock { $0 }
        let keys = try await KeySet(FakeProvider.jwks(state).bytes)
        let parts = await FakeProvider.sign(state.claims, state).split(separator: ".").map(String.init)
        #expect(try IDToken(parts.joined(separator: ".")).claims(verifiedBy: keys)["sub"] == "42")
        var claims = state.claims
        claims["sub"] = "1"
        let forged = Data(JSONValue.object(claims).bytes).base64URL
        #expect(throws: OpenIDError.badToken(.signature)) {
            try IDToken("\(parts[0]).\(forged).\(parts[2])").claims(verifiedBy: keys)
        }
        for signature in ["", "AAAA", String(parts[2].dropLast(4))] {
            #expect(throws: OpenIDError.badToken(.signature)) {
                try IDToken("\(parts[0]).\(parts[1]).\(signature)").claims(verifiedBy: keys)
            }
        }
    }

    // MARK: - Keys

    @Test func anRSAKeyVerifiesOnlyRS256() async throws {
        let key = try Insecure.RSA.PrivateKey(backing: .init(keySize: .bits2048))
        let (modulus, exponent) = try key.publicKey.getKeyPrimitives()
        let entry: JSONValue = [
            "kty": "RSA", "kid": "rsa", "n": .string(modulus.base64URL), "e": .string(exponent.base64URL),
        ]
        let document: JSONValue = ["keys": [entry]]
        let keys = try await KeySet(document.bytes)
        #expect(keys.key("rsa", algorithm: "ES256") == nil)
        let signer = try await JWTKeyCollection().add(rsa: key, digestAlgorithm: .sha256).getKey()
        let signed = "\(Data(#"{"alg":"RS256"}"#.utf8).base64URL).\(Data(#"{"sub":"7"}"#.utf8).base64URL)"
        let signature = Data(try signer.sign(Data(signed.utf8))).base64URL
        #expect(try IDToken("\(signed).\(signature)").claims(verifiedBy: keys)["sub"] == "7")
    }

    @Test func aShortKeyIsNotUsed() async throws {
        let key = try _RSA.Signing.PrivateKey(unsafeKeySize: .init(bitCount: 1024)).publicKey.getKeyPrimitives()
        let document: JSONValue = [
            "keys": [
                [
                    "kty": "RSA", "kid": "short", "n": .string(key.modulus.base64URL),
                    "e": .string(key.publicExponent.base64URL),
                ]
            ]
        ]
        await #expect(throws: OpenIDError.malformed("key set")) { try await KeySet(document.bytes) }
    }

    @Test func aTokenWithoutAKeyIDNeedsOneKeyToChoose() async throws {
        func entry(_ id: String) -> JSONValue {
            var state = FakeProvider.State()
            state.keyID = id
            guard case .array(let keys) = FakeProvider.jwks(state)["keys"] else { return .null }
            return keys[2]
        }
        let one = try await KeySet(JSONValue.object(["keys": [entry("a")]]).bytes)
        #expect(one.key(nil, algorithm: "ES256") != nil && one.key("b", algorithm: "ES256") == nil)
        let two = try await KeySet(JSONValue.object(["keys": [entry("a"), entry("b")]]).bytes)
        #expect(two.key(nil, algorithm: "ES256") == nil && two.key("b", algorithm: "ES256") != nil)
        let many = try await KeySet(JSONValue.object(["keys": .array((0..<200).map { entry("\($0)") })]).bytes)
        #expect(many.count == OpenIDLimits.keys)
    }
}

import NIOHTTP1
import Testing

@testable import vintner

@Suite struct LoginListenerTests {
    private func code(
        _ uri: String, method: HTTPMethod = .GET, host: String? = "127.0.0.1:4711", state: String = "s3cret"
    ) -> String? {
        LoginCallbackRequest(method: method, uri: uri, host: host, port: 4711, state: state).code
    }

    @Test func theCodeIsTakenFromThePageThatWasOpened() {
        #expect(code("/?code=vnc_x&state=s3cret") == "vnc_x")
        #expect(code("/?state=s3cret&code=vnc_x&more=1") == "vnc_x")
    }

    @Test func anythingElseIsRefused() {
        for uri in [
            "/", "/?code=vnc_x", "/?code=vnc_x&state=", "/?code=vnc_x&state=s3cre", "/?code=vnc_x&state=s3cret2",
            "/?code=&state=s3cret", "/favicon.ico?code=vnc_x&state=s3cret", "//evil?code=vnc_x&state=s3cret",
            "/?code=\(String(repeating: "x", count: 201))&state=s3cret",
        ] { #expect(code(uri) == nil, "\(uri)") }
        #expect(code("/?code=vnc_x&state=s3cret", method: .POST) == nil)
        for host in [nil, "localhost:4711", "127.0.0.1", "127.0.0.1:4712", "evil.example:4711"] {
            #expect(code("/?code=vnc_x&state=s3cret", host: host) == nil, "\(host ?? "none")")
        }
    }

    @Test func aBrowserIsUsedWhereThereIsOne() {
        #expect(LoginBrowser.command(["BROWSER": "firefox:chromium", "SSH_CONNECTION": "1"]) == "firefox")
        #expect(LoginBrowser.command(["SSH_CONNECTION": "1", "DISPLAY": ":0"]) == nil)
    }

    @Test func theAddressNamesThePortOfTheListener() {
        let login = LoginChallenge()
        let address = login.address(server: "https://vintner.example.com", name: "laptop", port: 4711)
        #expect(address.hasSuffix("&name=laptop&port=4711&state=\(login.state)") && login.state.count == 22)
    }
}

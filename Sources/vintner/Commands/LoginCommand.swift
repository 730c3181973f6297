internal import ArgumentParser
internal import Foundation
internal import Wire

/// Signs this command line in.
struct LoginCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "login", abstract: "Sign this command line in to a server, and store its token.",
        discussion: """
            Prints an address. Open it in a browser in which you are signed in, allow the sign-in, and paste the code \
            that the page shows. The token is valid for 90 days, and may do what you may. It is stored in \
            ~/.config/vintner/login.json, which only you can read; VINTNER_URL and VINTNER_TOKEN take precedence.
            """)

    @Argument(help: "Address of the server, such as https://vintner.example.com.") var url: String
    @Flag(help: "Read a token from standard input instead, such as one of the account page.") var tokenStdin = false
    @Option(help: "What the token is called.") var name = "vintner login on \(ProcessInfo.processInfo.hostName)"

    func run() async throws {
        let client = try VintnerClient(url: url, token: "")
        try await client.checkAnswers()
        let token = tokenStdin ? try Self.readSecret("") : try await askForCode(client)
        let account = try await VintnerClient(url: client.url, token: token).call(AccessEndpoints.account)
        try StoredLogin(url: client.url, token: token).write()
        FileHandle.standardError.write(Data("Signed in to \(client.url) as \(account.name).\n".utf8))
    }

    private func askForCode(_ client: VintnerClient) async throws -> String {
        let login = LoginChallenge()
        let title = String(name.prefix(64))
        let text = """
            Open this address in your browser, and paste the code that the page shows:

              \(login.address(server: client.url, name: title))

            """
        FileHandle.standardError.write(Data(text.utf8))
        let code = try Self.readSecret("Code: ")
        return try await client.call(
            AccessEndpoints.redeemLoginCode,
            sending: RedeemLoginCodeRequest(code: code, verifier: login.verifier, name: title)
        ).token
    }

    private static func readSecret(_ prompt: String) throws -> String {
        FileHandle.standardError.write(Data(prompt.utf8))
        guard let line = readLine()?.trimmingCharacters(in: .whitespacesAndNewlines), !line.isEmpty else {
            throw CommandFailure("Nothing was entered.")
        }
        return line
    }
}

internal import ArgumentParser
internal import Foundation
internal import Wire

/// Signs this command line in.
struct LoginCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "login", abstract: "Sign this command line in to a server, and store its token.",
        discussion: """
            Opens the server's page in your browser. Allow the sign-in there, and the page gives the command its token. \
            Without a browser on this machine, as over SSH, it prints an address: open it anywhere, and paste the code \
            that the page shows. The token is valid for 90 days, and may do what you may. It is stored in \
            ~/.config/vintner/login.json, which only you can read; VINTNER_URL and VINTNER_TOKEN take precedence.
            """)

    @Argument(help: "Address of the server, such as https://vintner.example.com.") var url: String
    @Flag(help: "Read a token from standard input instead, such as one of the account page.") var tokenStdin = false
    @Flag(help: "Don't open a browser; read the code that the page shows.") var noBrowser = false
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
        let browser = noBrowser ? nil : LoginBrowser.command()
        // Without a listener, the code can still be pasted.
        let listener = browser == nil ? nil : try? await LoginListener.start(state: login.state)
        let address = login.address(server: client.url, name: title, port: listener?.port)
        let todo =
            listener == nil
            ? "Open this address in a browser, and paste the code that the page shows:"
            : "Allow the sign-in in your browser. If it did not open, open this address on this machine:"
        FileHandle.standardError.write(Data("\(todo)\n\n  \(address)\n\n".utf8))
        if let browser, listener != nil { LoginBrowser.open(address, with: browser) }
        let code = try await firstCode(listener)
        return try await client.call(
            AccessEndpoints.redeemLoginCode,
            sending: RedeemLoginCodeRequest(code: code, verifier: login.verifier, name: title)
        ).token
    }

    /// How long a person may take.
    private static let patience = Duration.seconds(600)

    /// The code that the browser brings, or that is pasted, whatever comes first.
    private func firstCode(_ listener: LoginListener?) async throws -> String {
        let (codes, give) = AsyncStream<String>.makeStream()
        if let listener {
            Task { if let code = try? await listener.code() { give.yield(code) } }
        }
        // Reading a line blocks a thread, which goes away with the command.
        Thread.detachNewThread {
            if let code = try? Self.readSecret(listener == nil ? "Code: " : "") {
                give.yield(code)
            } else if listener == nil {
                give.finish()
            }
        }
        let timeout = Task {
            try await Task.sleep(for: Self.patience)
            give.finish()
        }
        defer { timeout.cancel() }
        for await code in codes { return code }
        throw CommandFailure(listener == nil ? "Nothing was entered." : "Nobody signed in within 10 minutes.")
    }

    private static func readSecret(_ prompt: String) throws -> String {
        FileHandle.standardError.write(Data(prompt.utf8))
        guard let line = readLine()?.trimmingCharacters(in: .whitespacesAndNewlines), !line.isEmpty else {
            throw CommandFailure("Nothing was entered.")
        }
        return line
    }
}

internal import ArgumentParser
internal import Foundation

/// The server's address and credentials: `VINTNER_URL` and `VINTNER_TOKEN`, else the folder of a local
/// `vintner up`, else what `vintner login` stored.
struct ClientOptions: ParsableArguments {
    @Option(help: "Folder of a local \"vintner up\", for its address and admin token.")
    var data = "data"

    /// A client of a server that answers. - Throws: within 5 seconds for one that does not.
    func connect() async throws -> VintnerClient {
        let client = try makeClient()
        try await client.checkAnswers()
        return client
    }

    private func makeClient() throws -> VintnerClient {
        let environment = ProcessInfo.processInfo.environment
        if let url = environment["VINTNER_URL"], let token = environment["VINTNER_TOKEN"] {
            return try VintnerClient(url: url, token: token)
        }
        let folder = LocalFolder(data)
        guard let url = environment["VINTNER_URL"] ?? folder.read("address"),
            let token = environment["VINTNER_TOKEN"] ?? folder.read("admin.token")
        else {
            // The folder of a local server goes first: its commands stay the same after a `vintner login`.
            if environment["VINTNER_URL"] == nil, let login = try StoredLogin.read() {
                return try VintnerClient(url: login.url, token: environment["VINTNER_TOKEN"] ?? login.token)
            }
            throw CommandFailure(
                "No server: \"\(data)\" is not the folder of a \"vintner up\". Run \"vintner login\", set VINTNER_URL "
                    + "and VINTNER_TOKEN, or pass --data.")
        }
        return try VintnerClient(url: url, token: token)
    }
}

/// The files that `vintner up` and `vintner trellis` leave for the command line.
struct LocalFolder {
    var path: String

    init(_ path: String) { self.path = path }

    func read(_ name: String) -> String? {
        (try? String(contentsOfFile: "\(path)/\(name)", encoding: .utf8))?
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    func write(_ text: String, to name: String) throws {
        try (text + "\n").write(toFile: "\(path)/\(name)", atomically: true, encoding: .utf8)
    }
}

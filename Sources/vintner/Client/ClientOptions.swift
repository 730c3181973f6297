internal import ArgumentParser
internal import Foundation

/// Where the server is and who asks: `VINTNER_URL` and `VINTNER_TOKEN`, else the folder of a local `vintner up`.
struct ClientOptions: ParsableArguments {
    @Option(help: "The folder of a local \"vintner up\", for its address and admin token.")
    var data = "data"

    func makeClient() throws -> VintnerClient {
        let environment = ProcessInfo.processInfo.environment
        if let url = environment["VINTNER_URL"], let token = environment["VINTNER_TOKEN"] {
            return try VintnerClient(url: url, token: token)
        }
        let folder = LocalFolder(data)
        guard let url = environment["VINTNER_URL"] ?? folder.read("address"),
            let token = environment["VINTNER_TOKEN"] ?? folder.read("admin.token")
        else {
            throw ValidationError(
                "No server: \(data) holds no running \"vintner up\". Set VINTNER_URL and VINTNER_TOKEN, or --data.")
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

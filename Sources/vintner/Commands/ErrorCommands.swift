internal import ArgumentParser
internal import Domain
internal import Foundation
internal import Wire

struct ErrorsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "errors", abstract: "List the errors of all jobs, open ones first, each cause once.",
        discussion: """
            One cause a line: whether it is open, the jobs and vines in which it was seen, when it was seen last, the \
            job that showed it last, and the cause.
            """)

    @OptionGroup var client: ClientOptions
    @Option(help: "List only errors of this vine.") var vine: String?
    @Flag(help: "List only errors that no job has solved yet.") var open = false
    @Option(help: "List only errors with this text in the cause, the resource or the file.") var text: String?
    @Option(help: "Maximum number of errors.") var limit = 20

    func run() async throws {
        typealias Query = ErrorEndpoints.List
        let vine = try vine.map { try VineID(argument: $0) }
        let page = try await client.connect().call(
            ErrorEndpoints.list,
            query: [Query.vine(vine), Query.isOpen(open ? true : nil), Query.text(text), Query.limit(limit)])
        for error in page.items {
            print(
                error.openVines > 0 ? "OPEN  " : "SOLVED", "\(error.jobs) jobs".padded(to: 10),
                "\(error.vines) vines".padded(to: 9), error.last.at, error.last.jobId.short, error.cause)
        }
    }
}

struct SearchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "search", abstract: "Search the logs of many jobs, newest jobs first.",
        discussion: """
            Prints a line for each line of a log with a hit: the job, the vine, the line's number and its text; at most \
            5 of a job. A search is bounded: if it stops early, it says how to go on.
            """)

    @OptionGroup var client: ClientOptions
    @Argument(help: "Text, or a /regular expression/.") var query: String
    @Flag(name: .customLong("case"), help: "Tell upper from lower case.") var matchesCase = false
    @Option(help: "Search only jobs of this vine.") var vine: String?
    @Option(help: "Search only jobs with this status.") var status: String?
    @Option(help: "Search only jobs that were created at this time (2026-09-14T11:59:58Z) or later.") var since: String?
    @Option(help: "Go on where an earlier search stopped.") var cursor: String?

    func run() async throws {
        typealias Query = ErrorEndpoints.Search
        let isRegex = query.count > 2 && query.hasPrefix("/") && query.hasSuffix("/")
        let items: [QueryItem?] = [
            Query.text(isRegex ? String(query.dropFirst().dropLast()) : query), Query.isRegex(isRegex),
            Query.matchesCase(matchesCase), Query.vine(try vine.map { try VineID(argument: $0) }),
            Query.status(try status.map { try Query.status.value(of: $0) }),
            Query.since(try since.map { try Query.since.value(of: $0) }), Query.cursor(cursor),
        ]
        var rest = ""
        try await client.connect().text(ErrorEndpoints.search, NoParameters(), query: items) { piece in
            rest += piece
            let lines = rest.split(separator: "\n", omittingEmptySubsequences: false)
            rest = lines.last.map(String.init) ?? ""
            for line in lines.dropLast() { Self.show(Data(line.utf8)) }
        }
        Self.show(Data(rest.utf8))
    }

    private static func show(_ line: Data) {
        if let hit = try? WireJSON.decode(LogsHitMessage.self, from: line) {
            print(hit.jobId.short, hit.vineTitle, "\(hit.n):", hit.text)
        } else if let more = try? WireJSON.decode(LogsMoreMessage.self, from: line) {
            print(more.jobId.short, more.capped ? "more than \(more.lines) lines in all" : "\(more.lines) lines in all")
        } else if let end = try? WireJSON.decode(LogsEndMessage.self, from: line), end.capped {
            let next = end.nextCursor.map { " Go on with --cursor \($0)" } ?? ""
            FileHandle.standardError.write(Data("\(end.reason ?? "The search stopped early.")\(next)\n".utf8))
        }
    }
}

internal import ArgumentParser
internal import Domain
internal import Foundation
internal import Wire

/// `vintner jobs changes JOB`.
struct JobChangesCommand: AsyncParsableCommand {
    enum Output: String, ExpressibleByArgument, CaseIterable {
        case text, json
    }

    static let configuration = CommandConfiguration(
        commandName: "changes", abstract: "Print what a job's plan changes, resource by resource.",
        discussion: """
            What loses data comes first. As JSON, each resource has its attributes; sensitive values are left out.
            """)

    @OptionGroup var client: ClientOptions
    @Argument(help: "ID of the job, or its first 4+ characters.") var job: String
    @Option(help: "text or json.") var output = Output.text

    func run() async throws {
        let client = try await client.connect()
        let changes = PlannedChangesReader(client: client, job: try await client.resolve(job))
        switch output {
        case .text: try await changes.list { print($0.line) }
        case .json: print(try await changes.document().prettyText)
        }
    }
}

/// Reads a plan's changes, page by page.
struct PlannedChangesReader {
    var client: VintnerClient
    var job: JobID

    /// Visits all resources, in order; returns the plan's summary.
    /// - Throws: ``CommandFailure`` if the changes are not stored.
    @discardableResult func list(_ visit: (PlanChange) async throws -> Void) async throws -> JSONValue {
        var cursor: String?
        while true {
            let page = try await client.call(
                JobEndpoints.plan, job, query: [JobEndpoints.Plan.limit(1000), JobEndpoints.Plan.cursor(cursor)])
            guard page.summary["state"] == "complete" else {
                throw CommandFailure("The changes of this job's plan are not stored.")
            }
            for change in page.items { try await visit(change) }
            guard let next = page.nextCursor else { return page.summary }
            cursor = next
        }
    }

    /// `summary`, and `resources` with their attributes.
    func document() async throws -> JSONValue {
        var resources: [JSONValue] = []
        let summary = try await list { change in
            let path = PlanResourcePath(job: job, n: change.n)
            resources.append(try await client.document(JobEndpoints.planResource, path))
        }
        return ["summary": summary, "resources": .array(resources)]
    }
}

extension PlanChange {
    /// `-/+ module.db.x.y  replace_because_cannot_update: engine_version`. Names come from outside: control characters
    /// must not reach a terminal.
    var line: String {
        let sign =
            switch action {
            case .replaceDeleteFirst: "-/+"
            case .replaceCreateFirst: "+/-"
            case .delete: "-"
            case .update: "~"
            case .create: "+"
            case .import: "<"
            case .move: ">"
            case .forget: "x"
            case .read: "<="
            case .noOp: " "
            }
        var parts = [sign.padded(to: 3), address]
        if let deposed { parts.append("(deposed \(deposed))") }
        if let previousAddress { parts.append("(moved from \(previousAddress))") }
        if drift { parts.append("(changed outside)") }
        if let deferred { parts.append("(put off: \(deferred))") }
        let why = [reason, forces.isEmpty ? nil : forces.joined(separator: ", ")].compactMap(\.self)
        if !why.isEmpty { parts.append(" \(why.joined(separator: ": "))") }
        return TerminalText.plain(parts.joined(separator: " "))
    }
}

/// Text from outside, for a terminal.
enum TerminalText {
    /// `text` without characters that a terminal obeys.
    static func plain(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { PlainName.isPlain(String($0)) ? $0 : "\u{fffd}" }))
    }
}

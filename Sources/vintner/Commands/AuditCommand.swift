internal import ArgumentParser
internal import Domain
internal import Foundation
internal import Storage
internal import Wire

/// `vintner audit`.
struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Export the audit log, and check that nobody changed it.",
        subcommands: [Verify.self, Export.self])

    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Save the sealed events as NDJSON, with their hashes.")

        @OptionGroup var client: ClientOptions
        @Option(name: .shortAndLong, help: "The file to write.") var output: String

        func run() async throws {
            let client = try await client.connect()
            try await OutputFile.write(to: output) { file in
                try await client.bytes(AuditEndpoints.chain, NoParameters()) { try file.write($0) }
            }
        }
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check that no event was changed, removed or inserted.",
            discussion: """
                Computes every hash again, of the server's events or of an exported file. The last line printed is the \
                head of the chain. Keep it elsewhere, and pass it to --head later: that also finds events that were \
                removed from the end. The status is 0 if the chain is whole and 1 if it is not.
                """)

        @OptionGroup var client: ClientOptions
        @Argument(help: "An exported file, instead of the server's events.") var file: String?
        @Option(help: "A head that was printed before, NUMBER:HASH.") var head: String?
        @Option(help: "Where the chain begins if old events were deleted, NUMBER:HASH; for a file.") var base: String?

        mutating func validate() throws {
            guard head.map({ AuditEnd($0) != nil }) ?? true, base.map({ AuditEnd($0) != nil }) ?? true else {
                throw ValidationError("--head and --base are NUMBER:HASH, as \"vintner audit verify\" prints it.")
            }
        }

        func run() async throws {
            let expected = head.flatMap { AuditEnd($0) }
            var check = ChainCheck(expected: expected)
            if let file {
                guard let handle = FileHandle(forReadingAtPath: file) else {
                    throw CommandFailure("\(file) can't be read.")
                }
                check.begin(after: base.flatMap { AuditEnd($0) } ?? .start)
                while let data = try handle.read(upToCount: 1 << 20), !data.isEmpty { try check.take(data) }
                try check.finish(at: nil)
            } else {
                let client = try await client.connect()
                let status = try await client.call(AuditEndpoints.status)
                if let problem = status.problem { throw CommandFailure(problem.reason) }
                guard let start = AuditEnd(status.base), let end = AuditEnd(status.head) else {
                    throw CommandFailure("The server sent a malformed response.")
                }
                check.begin(after: start)
                try await client.bytes(
                    AuditEndpoints.chain, NoParameters(), query: [AuditEndpoints.after(start.number)]
                ) { try check.take($0) }
                try check.finish(at: end)
                if start.number > 0 { print("Events up to \(start.number) were deleted by their age.") }
            }
            print("\(check.count) events are verified, up to event \(check.chain.end.number). Head:")
            print(check.chain.end)
        }
    }
}

/// Checks lines of an export as they arrive.
struct ChainCheck {
    /// Bytes of one event.
    private static let lineLimit = 4 << 20

    /// A head that was kept elsewhere.
    let expected: AuditEnd?
    private(set) var chain = AuditChain()
    private(set) var count = 0
    private var rest = Data()

    init(expected: AuditEnd?) { self.expected = expected }

    mutating func begin(after end: AuditEnd) { chain = AuditChain(after: end) }

    mutating func take(_ data: Data) throws {
        rest.append(data)
        var lines = rest.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        rest = Data(lines.removeLast())
        for line in lines { try check(line) }
        guard rest.count <= Self.lineLimit else { throw CommandFailure("An event is longer than Vintner makes it.") }
    }

    private mutating func check(_ line: Data) throws {
        do { try chain.check(line: line) } catch { throw CommandFailure(error.reason) }
        count += 1
        if let expected, chain.end.number == expected.number { try compare(with: expected) }
    }

    private func compare(with end: AuditEnd) throws {
        do { try chain.finish(at: end) } catch { throw CommandFailure(error.reason) }
    }

    /// - Parameter end: the last event that must be there, besides the expected one.
    mutating func finish(at end: AuditEnd?) throws {
        if !rest.isEmpty { try check(rest) }
        for end in [end, expected].compactMap(\.self) where chain.end.number <= end.number { try compare(with: end) }
    }
}

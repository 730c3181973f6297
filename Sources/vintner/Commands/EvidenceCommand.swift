internal import ArgumentParser
internal import Domain
internal import Foundation
internal import Trellis
internal import Wire

/// `vintner evidence`.
struct EvidenceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evidence", abstract: "Save what shows who changed what in an apply, and check it anywhere.",
        subcommands: [Save.self, Key.self, Verify.self], defaultSubcommand: Save.self)

    struct Save: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Save the evidence of a DEPLOY or DESTROY in one signed file.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "ID of the job, or its first 4+ characters.") var job: String
        @Option(name: .shortAndLong, help: "The file to write (default: JOB.evidence).") var output: String?

        func run() async throws {
            let client = try await client.connect()
            let id = try await client.resolve(job)
            let path = output ?? "\(id.short).evidence"
            try await OutputFile.write(to: path) { file in
                try await client.bytes(AuditEndpoints.evidence, id) { try file.write($0) }
            }
            print(path)
        }
    }

    struct Key: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the public key that evidence is checked with, in PEM form.")

        @OptionGroup var client: ClientOptions

        func run() async throws {
            print(try await client.connect().call(AuditEndpoints.evidenceKey).publicKey, terminator: "")
        }
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check an evidence file, without a server.",
            discussion: """
                Get the key by another way than the file: who changes a file can sign it with another key. Names what \
                does not match. The status is 0 if everything matches and 1 if it does not.
                """)

        @Argument(help: "The evidence file.") var file: String
        @Option(help: "The file with the public key, as \"vintner evidence key\" prints it.") var key: String

        func run() throws {
            guard let pem = try? String(contentsOfFile: key, encoding: .utf8), let key = EvidenceKey(pem: pem) else {
                throw CommandFailure("\(key) is not a file with an Ed25519 public key.")
            }
            guard let handle = FileHandle(forReadingAtPath: file) else {
                throw CommandFailure("\(file) can't be read.")
            }
            let check = try EvidenceVerification(key: key) { count in try Self.read(count, handle) }
            guard check.problems.isEmpty else {
                for problem in check.problems { printNotice(problem) }
                throw CommandFailure("\(file) is not what Vintner wrote.")
            }
            if let job = check.manifest?["job"], let vine = check.manifest?["vine"] {
                func text(_ value: JSONValue?, _ name: String) -> String { value?[name]?.stringValue ?? "?" }
                let people = check.manifest?["people"]
                print(
                    "\(text(job, "type")) \(text(job, "id")) of \(text(vine, "project_name")) / "
                        + "\(text(vine, "environment_stage")): \(text(job, "status"))")
                if let planner = people?["planned_by"] { print("Planned by \(text(planner, "name"))") }
                print("Applied by \(text(people?["applied_by"], "name"))")
            }
            print("Everything matches, signed with key \(key.id).")
        }

        private static func read(_ count: Int, _ handle: FileHandle) throws -> Data {
            var data = Data()
            while data.count < count, let more = try handle.read(upToCount: count - data.count), !more.isEmpty {
                data.append(more)
            }
            return data
        }
    }
}

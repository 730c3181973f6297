internal import ArgumentParser
internal import Domain
internal import Foundation
internal import Wire

struct IdentitiesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "identities",
        abstract: "Manage cloud identities: what jobs are in a cloud, without stored keys.",
        subcommands: [List.self, Show.self, Create.self, Delete.self, Test.self, Export.self], aliases: ["identity"])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List cloud identities, one a line.")

        @OptionGroup var client: ClientOptions

        func run() async throws {
            for identity in try await client.connect().call(IdentityEndpoints.list).items {
                let users = identity.usedBy.map(\.title).joined(separator: ", ")
                print(
                    TerminalText.plain(
                        "\(identity.id) \(identity.name.padded(to: 24)) \(identity.provider.rawValue.padded(to: 6)) "
                            + (users.isEmpty ? "not used" : users)))
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print a cloud identity as JSON, or the policies to paste with --policies.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "ID of the identity.") var identity: String
        @Flag(help: "Print what makes the cloud trust the identity.") var policies = false

        func run() async throws {
            let id = try CloudIdentityID(identity: identity)
            let client = try await client.connect()
            guard policies else {
                return print(try await client.document(IdentityEndpoints.show, id).prettyText)
            }
            let found = try await client.call(IdentityEndpoints.show, id)
            guard let policies = found.policies, !policies.isEmpty else {
                throw CommandFailure("There is nothing to paste: the installation has no --identity-issuer.")
            }
            for policy in policies {
                let covers = policy.covers == "vineyard" ? "every vine of the vineyard" : "the vines that use it now"
                print("# For \(policy.phase == .plan ? "planning" : "applying"), \(covers). \(policy.instruction)")
                print(policy.text)
            }
        }
    }

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Create a cloud identity: an AWS one by options, any by a JSON file.",
            discussion: """
                The file is what POST /api/identities takes: {"name", "vineyard_id", "provider": "aws", "gcp" or "azure", \
                "plan": {…}, "apply": {…}}.
                """)

        @OptionGroup var client: ClientOptions
        @Option(help: "JSON file with the identity.") var file: String?
        @Option(help: "Name of the identity.") var name: String?
        @Option(help: "ARN of the role for planning, which should only read.") var planRole: String?
        @Option(help: "ARN of the role for applying and destroying.") var applyRole: String?
        @Option(help: "AWS region of both.") var region: String?
        @Option(help: "ID of the vineyard whose vines can use it.") var vineyard: String?

        func run() async throws {
            let client = try await client.connect()
            print(try await client.call(IdentityEndpoints.create, sending: try request()).id)
        }

        private func request() throws -> CreateIdentityRequest {
            if let file {
                guard name == nil, planRole == nil, applyRole == nil, region == nil, vineyard == nil else {
                    throw CommandFailure("Give --file alone.")
                }
                guard let data = FileManager.default.contents(atPath: file) else {
                    throw CommandFailure("Can't read \(file).")
                }
                return try WireJSON.decode(CreateIdentityRequest.self, from: data, refusingUnknownFields: true)
            }
            guard let name, let planRole, let applyRole else {
                throw CommandFailure("Give --name, --plan-role and --apply-role, or --file.")
            }
            let place = try vineyard.map { text in
                guard let id = VineyardID(text) else { throw CommandFailure("Not a vineyard ID: \"\(text)\".") }
                return id
            }
            return CreateIdentityRequest(
                name: name, vineyardId: place, provider: .aws, plan: CloudAccess(roleArn: planRole, region: region),
                apply: CloudAccess(roleArn: applyRole, region: region))
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Delete a cloud identity that no vine uses.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "ID of the identity.") var identity: String

        func run() async throws {
            try await client.connect().call(IdentityEndpoints.delete, CloudIdentityID(identity: identity))
            print("Deleted.")
        }
    }

    struct Test: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Try a cloud identity out from a Tendril, and say who it is.")

        @OptionGroup var client: ClientOptions
        @OptionGroup var job: FollowOptions
        @Argument(help: "ID of the identity.") var identity: String
        @Option(help: "plan, apply or destroy.") var phase = TokenPhase.plan.rawValue
        @Option(help: "ID of the vine whose subject is used; the first one that uses the identity if not given.")
        var vine: String?

        func run() async throws {
            let id = try CloudIdentityID(identity: identity)
            let vine = try vine.map { try VineID(argument: $0) }
            guard let phase = TokenPhase(rawValue: phase) else {
                throw CommandFailure("--phase is plan, apply or destroy.")
            }
            let client = try await client.connect()
            let created = try await client.call(
                JobEndpoints.create,
                sending: CreateJobRequest(
                    jobType: .connectionTest, vineId: vine, assignedWorkerId: job.worker(), identityId: id,
                    phase: phase))
            try await job.finish(created, client)
        }
    }

    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write the issuer's two public documents, for a static bucket that clouds can reach.",
            discussion: """
                Upload the folder to the address of --identity-issuer whenever a new key is published (every 30 days, two \
                days before it is used): openid-configuration and jwks.json in .well-known/.
                """)

        @OptionGroup var client: ClientOptions
        @Argument(help: "Folder to write to.") var folder: String

        func run() async throws {
            let client = try await client.connect()
            let place = "\(folder)/.well-known"
            try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
            for name in ["openid-configuration", "jwks.json"] {
                let data = try await client.publicDocument("/.well-known/\(name)")
                try data.write(to: URL(fileURLWithPath: "\(place)/\(name)"), options: .atomic)
                print("\(place)/\(name)")
            }
        }
    }
}

extension Identifier where Noun == CloudIdentity {
    /// - Throws: ``CommandFailure`` for an argument that is not an ID.
    fileprivate init(identity argument: String) throws {
        guard let id = Self(argument) else { throw CommandFailure("Not the ID of an identity: \"\(argument)\".") }
        self = id
    }
}

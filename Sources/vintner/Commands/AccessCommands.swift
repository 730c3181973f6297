internal import ArgumentParser
internal import Domain
internal import Foundation
internal import Wire

struct TokensCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokens", abstract: "List, make, revoke and replace API tokens.",
        subcommands: [List.self, Create.self, Revoke.self, ReplaceAdmin.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "All API tokens, without their secrets.")

        @OptionGroup var client: ClientOptions

        func run() async throws {
            let page = try await client.connect().call(AccessEndpoints.tokens)
            for token in page.items { print(token.id, token.createdAt, token.name) }
        }
    }

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make an API token. It is printed once, and never again.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "What it is for.") var name: String

        func run() async throws {
            let created = try await client.connect().call(
                AccessEndpoints.createToken, sending: CreateTokenRequest(name: name))
            print(created.token)
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Revoke an API token, at once.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "Its id, as \"vintner tokens list\" shows it, or its name.") var token: String

        func run() async throws {
            let client = try await client.connect()
            let page = try await client.call(AccessEndpoints.tokens)
            guard let record = page.items.first(where: { $0.id == token || $0.name == token }) else {
                throw ValidationError("There is no token \"\(token)\".")
            }
            try await client.call(AccessEndpoints.revokeToken, AccessID(record.id))
            print("Revoked \(record.name).")
        }
    }

    struct ReplaceAdmin: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Replace the admin token, and end all that came of the old one.",
            discussion: """
                Ends every session and sign-in link, and revokes every other API token. Tendrils keep theirs \
                (see "vintner tendrils revoke"). The server writes the new token to admin.token in its data folder. \
                Where the server does not run: delete that file, and start it.
                """)

        @OptionGroup var client: ClientOptions
        @Flag(help: "Leave the other API tokens alone.") var keepTokens = false
        @Flag(help: "Print the new token, for a server on another machine.") var show = false

        func run() async throws {
            let reply = try await client.connect().call(
                AccessEndpoints.replaceAdminToken, sending: ReplaceAdminTokenRequest(keepTokens: keepTokens))
            if show { print(reply.token) }
            let ended =
                "Ended \(reply.endedSessions) sessions and \(reply.endedLinks) links, revoked "
                + "\(reply.revokedTokens) other tokens. The new token is in admin.token of the server's data folder.\n"
            FileHandle.standardError.write(Data(ended.utf8))
        }
    }
}

struct SessionsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sessions", abstract: "List and revoke sessions and sign-in links.",
        subcommands: [List.self, Revoke.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Who is signed in, and which links are unused.")

        @OptionGroup var client: ClientOptions

        func run() async throws {
            let page = try await client.connect().call(AccessEndpoints.sessions)
            for session in page.items {
                print(session.id, session.kind.padded(to: 7), "until", session.expiresAt, session.user)
            }
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "End sessions or links, at once.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "Ids, as \"vintner sessions list\" shows them.") var ids: [String]

        func run() async throws {
            let client = try await client.connect()
            for id in ids {
                guard !id.isEmpty, id.allSatisfy(\.isHexDigit) else {
                    throw ValidationError("\"\(id)\" is not the id of a session or link.")
                }
                try await client.call(AccessEndpoints.revokeSession, AccessID(id))
                print("Ended \(id).")
            }
        }
    }
}

struct TendrilsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tendrils", abstract: "List and revoke Tendrils.", subcommands: [List.self, Revoke.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "All Tendrils, one a line.")

        @OptionGroup var client: ClientOptions

        func run() async throws {
            let page = try await client.connect().call(TendrilEndpoints.list)
            for worker in page.items {
                print(
                    worker.id, worker.status.rawValue.padded(to: 8), worker.name.padded(to: 12),
                    "\(worker.activeJobs.count)/\(worker.slots)", worker.runRoot)
            }
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Revoke a Tendril's token. Refused while it holds a job.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "Its id or its name.") var tendril: String

        func run() async throws {
            let client = try await client.connect()
            let page = try await client.call(TendrilEndpoints.list)
            guard let record = page.items.first(where: { $0.id.rawValue == tendril || $0.name == tendril }) else {
                throw ValidationError("There is no Tendril \"\(tendril)\".")
            }
            try await client.call(TendrilEndpoints.revoke, record.id)
            print("Revoked \(record.name).")
        }
    }
}

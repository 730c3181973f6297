internal import ArgumentParser
internal import Domain
internal import Foundation
internal import Wire

struct UsersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "users", abstract: "List and invite people and service accounts.",
        subcommands: [List.self, Invite.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "All people and service accounts with their roles, one a line.")

        @OptionGroup var client: ClientOptions
        @Argument(help: "A part of the name.") var text = ""

        func run() async throws {
            let client = try await client.connect()
            var cursor: String?
            repeat {
                let page = try await client.call(
                    UserEndpoints.list,
                    query: [
                        UserEndpoints.List.text(text), UserEndpoints.List.limit(200), UserEndpoints.List.cursor(cursor),
                    ])
                for user in page.items {
                    let roles = user.roles.map { "\($0.role) on \($0.scope)" }.joined(separator: ", ")
                    print(user.kind.rawValue.padded(to: 8), user.name.padded(to: 20), roles.isEmpty ? "no role" : roles)
                }
                cursor = page.nextCursor
            } while cursor != nil
        }
    }

    struct Invite: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Invite a person, or make a service account, with a role.",
            discussion: """
                Prints the link with which the person chooses a password, once. A service account gets no link: make a \
                token for it.
                """)

        @OptionGroup var client: ClientOptions
        @Argument(help: "The name. It is never changed, and never given to anybody else.") var name: String
        @Option(help: "A role: \(Role.allCases.map(\.rawValue).joined(separator: ", ")).") var role: String?
        @Option(help: "Where the role counts: installation, vineyard:NAME, or vine:ID.") var scope: String?
        @Option(help: "A team that the person becomes a member of. Repeat it for more.") var team: [String] = []
        @Flag(help: "Make a service account instead.") var service = false

        mutating func validate() throws {
            guard (role == nil) == (scope == nil) else { throw ValidationError("Give both --role and --scope.") }
            guard !service || team.isEmpty else { throw ValidationError("Only people are members of teams.") }
        }

        func run() async throws {
            let made = try await client.connect().call(
                UserEndpoints.create,
                sending: CreateUserRequest(
                    name: name, kind: service ? .service : .user, role: role, scope: scope,
                    teams: team.isEmpty ? nil : team))
            guard let url = made.url else {
                print("Made the service account \(made.user.name).")
                return
            }
            print(url)
            let until = made.expiresAt.map { " until \($0)" } ?? ""
            FileHandle.standardError.write(
                Data("\(made.user.name) can open this link once\(until). Send it over a channel you trust.\n".utf8))
        }
    }
}

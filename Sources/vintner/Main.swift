internal import ArgumentParser
internal import Foundation
internal import Tendril
internal import Trellis

@main
enum Main {
    static func main() async {
        // A supervisor must start within milliseconds and needs no options: it is dispatched before anything else.
        if CommandLine.arguments.dropFirst().first == SupervisorMain.subcommand {
            exit(SupervisorMain.run(arguments: Array(CommandLine.arguments.dropFirst(2))))
        }
        if CommandLine.arguments.dropFirst().first == RunAsMain.subcommand {
            exit(RunAsMain.run(arguments: Array(CommandLine.arguments.dropFirst(2))))
        }
        await Vintner.main()
    }
}

struct Vintner: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vintner",
        abstract: "The console in which a team runs Terraform.",
        version: VintnerVersion.current,
        subcommands: [
            UpCommand.self, TrellisCommand.self, TendrilCommand.self, PlanCommand.self, ApplyCommand.self,
            DestroyCommand.self, JobsCommand.self, ErrorsCommand.self, SearchCommand.self, VinesCommand.self,
            TendrilsCommand.self, TokensCommand.self,
            UsersCommand.self, SessionsCommand.self,
            LoginCommand.self, SignInURLCommand.self, AuditCommand.self, EvidenceCommand.self, OpenAPICommand.self,
            MigrateCommand.self, IdentitiesCommand.self,
        ])
}

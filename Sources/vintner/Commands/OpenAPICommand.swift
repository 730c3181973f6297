internal import ArgumentParser
internal import Contract
internal import Domain
internal import Trellis
internal import Wire

struct OpenAPICommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "openapi", abstract: "Print the OpenAPI document of the API.")

    func run() {
        print(OpenAPIDocument.make(of: Endpoints.all, version: VintnerVersion.current).prettyText)
    }
}

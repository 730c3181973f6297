internal import Domain
internal import Foundation
internal import Wire

/// A folder with Terraform files, and an optional `vine.json`.
struct VineFolder {
    /// `vine.json`: everything is optional. A sensitive value that is null is one that the vine has already: it was set
    /// on the vine's page.
    struct Settings: Codable {
        var projectName: String?
        var environmentStage: String?
        var region: String?
        var variables: [String: JSONValue]?
        var sensitiveVariables: [String: JSONValue?]?
        var environment: [String: String]?
        var sensitiveEnvironment: [String: String?]?
        var engine: Engine.Name?
    }

    static let settingsName = "vine.json"

    let origin: FolderOrigin
    let settings: Settings
    let files: FolderFiles

    /// Reads the folder. - Throws: ``CommandFailure`` where it has no Terraform files or can't be read.
    init(_ path: String) throws {
        origin = try FolderOrigin(path)
        settings = try Self.settings(in: origin.folder)
        files = try FolderFiles(origin)
    }

    private static func settings(in folder: String) throws -> Settings {
        let path = "\(folder)/\(settingsName)"
        // Not `fileExists`, which calls a link that leads nowhere absent.
        do { _ = try FileManager.default.attributesOfItem(atPath: path) } catch CocoaError.fileReadNoSuchFile {
            return Settings()
        } catch { throw CommandFailure("\(path) can't be read.") }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw CommandFailure("\(path) can't be read.")
        }
        do {
            return try WireJSON.decode(Settings.self, from: data, refusingUnknownFields: true)
        } catch let error as WireError {
            throw CommandFailure("\(path): \(error.description.replacing("The body", with: "The file"))")
        }
    }

    private var projectName: String { settings.projectName ?? (origin.folder as NSString).lastPathComponent }
    private var stage: String { settings.environmentStage ?? "dev" }
    private var source: VineSource { .inline(files: files.files, path: files.path) }

    /// Makes the vine of this folder, or brings it up to date: the folder is the truth, so what is gone from it goes
    /// from the vine. Says on stderr what is not uploaded.
    ///
    /// - Parameter id: the vine, if it is not the one with the folder's project and stage.
    func upload(to client: VintnerClient, vine id: VineID? = nil) async throws -> VineResponse {
        for notice in files.leftOut { printNotice(notice) }
        guard let known = try await known(client, id) else { return try await create(client) }
        let patch = try patch(known, isNamed: id != nil)
        return try await client.call(VineEndpoints.update, known.id, sending: patch)
    }

    // MARK: - Which vine

    private func known(_ client: VintnerClient, _ id: VineID?) async throws -> VineResponse? {
        if let id { return try await client.call(VineEndpoints.show, id) }
        let named = try await vines(client)
        guard let known = named.first else { return nil }
        guard named.count == 1 else {
            let list = named.map { "  \($0.id)  from \($0.origin ?? "the vines page")" }.joined(separator: "\n")
            throw CommandFailure(
                "There are \(named.count) vines called \(title):\n\(list)\nPass --vine ID to choose one.")
        }
        if known.origin == origin.name { return known }
        let past = known.origin.map { "was planned from another folder (\($0))" } ?? "was not made from this folder"
        guard settings.projectName == nil else {
            // Whoever writes a name into vine.json says which vine is meant, wherever the folder is.
            if known.origin != nil { printNotice("Vine \(title) \(past) before.") }
            return known
        }
        throw CommandFailure(
            """
            Vine \(title) exists and \(past).
            To make a separate vine from this folder, write {"project_name": "NAME"} into \(Self.settingsName).
            To plan this folder as that vine, pass --vine \(known.id).
            """)
    }

    private var title: String { "\"\(projectName) / \(stage)\"" }

    private func vines(_ client: VintnerClient) async throws -> [VineResponse] {
        var found: [VineResponse] = []
        var cursor: String?
        repeat {
            let page = try await client.call(
                VineEndpoints.list, query: [VineEndpoints.List.limit(200), VineEndpoints.List.cursor(cursor)])
            // As the server compares them.
            found += page.items.filter {
                $0.projectName.lowercased() == projectName.lowercased()
                    && $0.environmentStage.lowercased() == stage.lowercased()
            }
            cursor = page.nextCursor
        } while cursor != nil
        return found
    }

    // MARK: - What it becomes

    private func create(_ client: VintnerClient) async throws -> VineResponse {
        func given<Value>(_ values: [String: Value?]?, _ noun: String) throws -> [String: Value]? {
            try values?.reduce(into: [:]) { given, entry in
                guard let value = entry.value else { throw Self.missingValue(entry.key, noun) }
                given[entry.key] = value
            }
        }
        let create = CreateVineRequest(
            projectName: projectName, environmentStage: stage, region: settings.region, variables: settings.variables,
            sensitiveVariables: try given(settings.sensitiveVariables, "variable"),
            environment: settings.environment,
            sensitiveEnvironment: try given(settings.sensitiveEnvironment, "environment variable"),
            engine: settings.engine, source: source, origin: origin.name)
        return try await client.call(VineEndpoints.create, sending: create)
    }

    private func patch(_ known: VineResponse, isNamed: Bool) throws -> PatchVineRequest {
        func complete<Value>(
            _ values: [String: Value?]?, stored: [String], _ noun: String
        ) throws -> [String: Value?] {
            let values = values ?? [:]
            let removed = stored.filter { !values.keys.contains($0) }
            for name in removed {
                printNotice("Removed sensitive \(noun) \"\(name)\", which \(Self.settingsName) does not name.")
            }
            var patch: [String: Value?] = Dictionary(uniqueKeysWithValues: removed.map { ($0, nil) })
            for (name, value) in values {
                if let value {
                    patch.updateValue(value, forKey: name)
                } else if !stored.contains(name) {
                    throw Self.missingValue(name, noun)
                }
            }
            return patch
        }
        var patch = PatchVineRequest()
        if !isNamed || settings.projectName != nil { patch.projectName = projectName }
        if !isNamed || settings.environmentStage != nil { patch.environmentStage = stage }
        patch.source = source
        patch.region = settings.region.map { .value($0) } ?? .cleared
        patch.variables = settings.variables ?? [:]
        patch.sensitiveVariables = try complete(
            settings.sensitiveVariables, stored: known.sensitiveVariables, "variable")
        patch.environment = settings.environment ?? [:]
        patch.sensitiveEnvironment = try complete(
            settings.sensitiveEnvironment, stored: known.sensitiveEnvironment, "environment variable")
        patch.engine = settings.engine.map { .value($0) } ?? .cleared
        patch.origin = origin.name
        return patch
    }

    private static func missingValue(_ name: String, _ noun: String) -> CommandFailure {
        CommandFailure(
            "\(settingsName) names sensitive \(noun) \"\(name)\" without a value, and the vine has none yet. Give the "
                + "value once, or set it on the vine's page.")
    }
}

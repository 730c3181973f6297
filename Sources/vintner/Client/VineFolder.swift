internal import ArgumentParser
internal import Domain
internal import Foundation
internal import Wire

/// A folder with Terraform files, and perhaps a `vine.json` that says more.
struct VineFolder {
    /// `vine.json`: everything is optional.
    struct Settings: Codable {
        var projectName: String?
        var environmentStage: String?
        var region: String?
        var variables: [String: JSONValue]?
        var sensitiveVariables: [String: JSONValue]?
        var environment: [String: String]?
        var engine: Engine.Name?
    }

    var path: String
    var settings: Settings
    var files: [String: String]

    /// Reads the folder. - Throws: `ValidationError` where it has no Terraform files or can't be read.
    init(_ path: String) throws {
        self.path = path
        let root = URL(fileURLWithPath: path).standardizedFileURL
        let settingsFile = root.appendingPathComponent("vine.json")
        if let data = try? Data(contentsOf: settingsFile) {
            settings = try WireJSON.decode(Settings.self, from: data)
        } else {
            settings = Settings()
        }
        settings.projectName = settings.projectName ?? root.lastPathComponent
        settings.environmentStage = settings.environmentStage ?? "dev"
        files = try Self.read(root)
        guard files.keys.contains(where: { $0.hasSuffix(".tf") || $0.hasSuffix(".tf.json") }) else {
            throw ValidationError("\(path) holds no Terraform files.")
        }
    }

    /// Every text file below the folder but the engine's own, hidden ones and `vine.json`.
    private static func read(_ root: URL) throws -> [String: String] {
        guard let walk = FileManager.default.enumerator(atPath: root.path) else {
            throw ValidationError("\(root.path) can't be read.")
        }
        var files: [String: String] = [:]
        for case let name as String in walk {
            let isHidden = name.split(separator: "/").contains { $0.hasPrefix(".") && $0 != ".terraform.lock.hcl" }
            let attributes = try FileManager.default.attributesOfItem(atPath: root.path + "/" + name)
            guard !isHidden, name != "vine.json", !name.contains(".tfstate"),
                attributes[.type] as? FileAttributeType == .typeRegular
            else { continue }
            guard let text = try? String(contentsOfFile: root.path + "/" + name, encoding: .utf8) else {
                throw ValidationError("\(name) is not text; binary files need a git source.")
            }
            files[name] = text
        }
        return files
    }

    /// Makes the vine, or gives the one that has this project and stage the folder's files.
    func upload(to client: VintnerClient) async throws -> VineRecord {
        let create = CreateVine(
            projectName: settings.projectName ?? "", environmentStage: settings.environmentStage ?? "",
            region: settings.region, variables: settings.variables, sensitiveVariables: settings.sensitiveVariables,
            environment: settings.environment, engine: settings.engine, source: .inline(files: files))
        guard let known = try await find(create, client) else { return try await client.post("/api/vines", create) }
        var patch = PatchVine()
        patch.source = create.source
        if let region = create.region { patch.region = .value(region) }
        patch.variables = create.variables
        patch.environment = create.environment
        if let engine = create.engine { patch.engine = .value(engine) }
        patch.sensitiveVariables = create.sensitiveVariables?.mapValues { $0 }
        return try await client.patch("/api/vines/\(known.id)", patch)
    }

    private func find(_ create: CreateVine, _ client: VintnerClient) async throws -> VineRecord? {
        var cursor: String? = ""
        while let at = cursor {
            let page: ListPage<VineRecord> = try await client.get(
                "/api/vines?limit=200" + (at.isEmpty ? "" : "&cursor=\(at)"))
            let hit = page.items.first {
                $0.projectName == create.projectName && $0.environmentStage == create.environmentStage
            }
            if let hit { return hit }
            cursor = page.nextCursor
        }
        return nil
    }
}

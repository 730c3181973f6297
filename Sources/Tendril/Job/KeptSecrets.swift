import Domain
import Foundation
import SystemCalls

/// What a job masks, kept in its folder for as long as that stands: Trellis tells no secrets of a job whose engine is
/// gone, and what was captured may still have to be masked then, by a Tendril that was restarted in between.
enum KeptSecrets {
    static func save(_ secrets: VineSecrets, in folder: JobFolder) throws {
        let bytes = Data(try JSONValue(encoding: secrets).bytes)
        try Files.write(bytes, to: folder.keptSecrets, mode: 0o600, durably: true)
    }

    /// nil if none were kept, or they can't be read: then nothing that was captured may leave this machine.
    static func load(from folder: JobFolder) -> VineSecrets? {
        guard let data = try? Files.read(folder.keptSecrets) else { return nil }
        return try? JSONValue(parsing: data, maxDepth: JSONDepth.trusted).decoded()
    }
}

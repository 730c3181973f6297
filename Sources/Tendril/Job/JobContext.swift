import Domain
import Foundation
import Logging
import SystemCalls

/// Settings and services shared by all jobs of a Tendril.
struct JobContext: Sendable {
    var trellis: any TrellisClient
    var services: any JobServicesFactory
    var engines: EngineFinder
    var environment: EngineEnvironment
    var workDir: String
    var runRoot: String
    var worker: TendrilID
    /// The lock holder's name: the Tendril's ID and machine.
    var name: String
    var allowFileGit = false
    var gitLimits = GitSource.Limits()
    /// As whom engines run; nil for the Tendril's own user.
    var user: EngineUser?
    /// Bytes of a saved plan.
    var artifactLimit = 64 << 20
    /// How long a job waits for a lock that someone else holds.
    var lockPatience = Duration.seconds(600)
    var ambient = SystemDependencies.system
    var sleeper = Sleeper.system
    /// Checks cloud identities.
    var cloud: any CloudExchanging = HTTPCloudExchange()
    var logger: Logger

    /// `WORK_DIR/jobs/JOB`.
    func folder(of job: JobID) -> JobFolder {
        JobFolder(
            path: "\(jobs)/\(job)", exchange: user.map { _ in "\(exchanges)/\(job)" },
            identity: user.map { _ in "\(runRoot)/\(IdentityFiles.folderName)/\(job)" })
    }

    /// Where engines of another user exchange files with the Tendril.
    var exchanges: String { "\(runRoot)/.jobs" }

    var jobs: String { "\(workDir)/jobs" }

    /// Preserved data that could not be stored.
    func kept(of job: JobID) -> String { "\(workDir)/kept/\(job)" }
}

/// The job runner's own files in the job's folder. All except the progress are deleted before the report.
extension JobFolder {
    var progress: String { path + "/job.json" }
    var variables: String { exchange + "/variables.tfvars.json" }
    /// The values that an apply needs beside the saved plan.
    var ephemeralVariables: String { exchange + "/ephemeral.tfvars.json" }
    var plan: String { exchange + "/" + Artifact.planName }
    var planJSON: String { path + "/show.json" }
    var artifact: String { path + "/artifact.tar" }
    /// The state that the job began with, as Trellis gave it.
    var stateBefore: String { path + "/state-before.json" }
    /// What `state pull` printed.
    func pulled(_ phase: Phase) -> String { "\(path)/\(phase.rawValue).json" }
    var metadata: String { exchange + "/metadata.json" }
    var gitScratch: String { path + "/git" }

    /// What the log masks: kept as long as the folder.
    var keptSecrets: String { path + "/masking.json" }

    /// What holds secrets in clear and is not needed once the engine is gone.
    var confidential: [String] {
        [
            identity, variables, ephemeralVariables, plan, planJSON, artifact, stateBefore, metadata, gitScratch,
            pulled(.pullBefore), pulled(.pullAfter),
        ]
    }
}

/// What a job masks, kept in its folder: Trellis sends no secrets of a job whose engine is
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

import Domain
import Logging

/// What a Tendril gives each of its jobs.
struct JobHost: Sendable {
    var trellis: any TrellisCalling
    var equipment: any JobEquipping
    var engines: EngineFinder
    var environment: EngineEnvironment
    var workDir: String
    var runRoot: String
    var worker: TendrilID
    /// Says who holds a lock: the Tendril's id, and its machine.
    var name: String
    var allowFileGit = false
    var gitLimits = GitSource.Limits()
    /// Bytes of a saved plan.
    var artifactLimit = 64 << 20
    /// How long a job waits for a lock that somebody else holds.
    var lockPatience = Duration.seconds(600)
    var ambient = Ambient.system
    var pacing = Pacing.system
    var logger: Logger

    /// `WORK_DIR/jobs/JOB`.
    func folder(of job: JobID) -> JobFolder { JobFolder(path: "\(jobs)/\(job)") }

    var jobs: String { "\(workDir)/jobs" }

    /// Where what could not be stored is kept, until a person has looked at it.
    func kept(of job: JobID) -> String { "\(workDir)/kept/\(job)" }
}

/// The job runner's own files in the job's folder. All of them but the progress go before the job is reported.
extension JobFolder {
    var progress: String { path + "/job.json" }
    var variables: String { path + "/variables.tfvars.json" }
    /// The values that an apply needs beside the saved plan.
    var ephemeralVariables: String { path + "/ephemeral.tfvars.json" }
    var plan: String { path + "/" + Artifact.planName }
    var planJSON: String { path + "/show.json" }
    var artifact: String { path + "/artifact.tar" }
    /// The state that the job began with, as Trellis gave it.
    var stateBefore: String { path + "/state-before.json" }
    /// What `state pull` printed.
    func pulled(_ phase: Phase) -> String { "\(path)/\(phase.rawValue).json" }
    var metadata: String { path + "/metadata.json" }
    var gitScratch: String { path + "/git" }

    /// What holds secrets in clear.
    var confidential: [String] {
        [
            variables, ephemeralVariables, plan, planJSON, artifact, stateBefore, metadata, gitScratch,
            pulled(.pullBefore), pulled(.pullAfter),
        ]
    }
}

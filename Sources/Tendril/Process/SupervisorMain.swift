import SystemCalls

/// The hidden subcommand under which this executable watches over one run of the engine.
public enum SupervisorMain {
    /// The name of the subcommand.
    public static let subcommand = "supervise"

    /// Runs one phase to its end. Call it before anything else is set up: it must start fast and needs no setup.
    ///
    /// - Parameter arguments: what follows the subcommand: the job's folder and the phase's name.
    /// - Returns: the process's exit status; it says nothing about the engine's.
    public static func run(arguments: [String]) -> Int32 {
        guard arguments.count == 2 else { return 64 }
        Posix.ignoreStopSignals()
        // Before anything runs that could look in here.
        Posix.becomePrivate()
        Posix.becomeSubreaper()
        Posix.restoreOpenFileLimit()
        let folder = JobFolder(path: arguments[0])
        let phase = folder.phase(arguments[1])
        // The parent passed on the held lock, so it was never free in between.
        let alive = OpenFile(adopting: aliveDescriptor, path: phase.alive)
        Posix.closeDescriptors(from: aliveDescriptor + 1)
        do {
            guard alive.closeOnExec(), try alive.lock(wait: false) else {
                print("not started by a Tendril")
                return 64
            }
            let supervisor = try Supervisor(folder: folder, phase: phase)
            try supervisor.run()
            // Keep the lock until here.
            withExtendedLifetime(alive) {}
            return 0
        } catch {
            print("\(error)")
            return 70
        }
    }

    /// Under this number the supervisor finds the phase's lock.
    static let aliveDescriptor: Int32 = 3

    static func start(_ executable: String, folder: JobFolder, phase: PhaseFolder, lock: OpenFile) throws
        -> ChildProcess
    {
        let log = try OpenFile(phase.supervisorLog, .append)
        return try ChildProcess(
            executable, name: "vintner", [subcommand, folder.path, phase.name],
            environment: inheritedEnvironment, descriptors: [(log, 1), (log, 2), (lock, aliveDescriptor)])
    }

    /// What the executable itself needs to start; not our credentials, which the engine could read there.
    private static var inheritedEnvironment: [String: String] {
        let own = Posix.environment
        return ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", Posix.openFilesVariable].reduce(into: [:]) {
            $0[$1] = own[$1]
        }
    }
}

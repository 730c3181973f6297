import SystemCalls

/// The steps of a phase's cancel that were taken, in its folder: a Tendril that comes back must not take one again.
struct StopJournal {
    private let path: String

    init(_ phase: PhaseFolder) { path = phase.stop }

    /// Nothing of an earlier boot: its engine is gone anyway.
    func taken() -> [(rung: StopEscalation.Stage, at: Int64)] {
        entries().compactMap { word, at in StopEscalation.Stage(rawValue: word).map { ($0, at) } }
    }

    /// Whether the log says that the phase has stopped.
    var isClosed: Bool { entries().contains { $0.word == Self.closed } }

    func close(at: Int64) throws { try write(Self.closed, at) }

    private static let closed = "stopped"

    /// Written before the signal is sent: a step that is noted and was not taken costs time, one that is taken twice
    /// may cost the state.
    func note(_ rung: StopEscalation.Stage, at: Int64) throws { try write(rung.rawValue, at) }

    private func write(_ word: String, _ at: Int64) throws {
        let line = "\(word) \(at) \(ProcessIdentity.currentBootID())\n"
        try OpenFile(path, .append).append(Array(line.utf8))
    }

    private func entries() -> [(word: String, at: Int64)] {
        guard let bytes = try? SmallFile.read(path) else { return [] }
        let boot = ProcessIdentity.currentBootID()
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ").map(String.init)
            guard fields.count == 3, fields[2] == boot, let at = Int64(fields[1]) else { return nil }
            return (fields[0], at)
        }
    }
}

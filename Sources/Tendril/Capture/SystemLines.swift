import Dispatch
import Domain
import Synchronization

/// Writes the platform's own lines into the capture: first the text, then its place in the order.
final class SystemLines: Sendable {
    private struct State {
        var text: OpenFile?
        var order: OpenFile?
        /// Why a line is missing.
        var failure: String?
        var isSyncing = false
    }

    private let folder: JobFolder
    private let now: @Sendable () -> Timestamp
    private let state = Mutex(State())

    init(folder: JobFolder, now: @escaping @Sendable () -> Timestamp) {
        self.folder = folder
        self.now = now
    }

    /// Why a line could not be written; nil where all stand.
    var failure: String? { state.withLock { $0.failure } }

    /// Appends `text`, one line or several. It stands in the capture when this returns: this process may die.
    func append(_ text: String) {
        guard !text.isEmpty else { return }
        let line = text.utf8.last == UInt8(ascii: "\n") ? text : text + "\n"
        let needsSync = state.withLock { state in
            do {
                try write(line, &state)
            } catch {
                state.failure = state.failure ?? "A line of the platform could not be written: \(error)."
                return false
            }
            defer { state.isSyncing = true }
            return !state.isSyncing
        }
        if needsSync { syncSoon() }
    }

    private func write(_ line: String, _ state: inout State) throws {
        let text = try state.text ?? OpenFile(folder.capture(of: .system), .append)
        let order = try state.order ?? OpenFile(folder.order, .append)
        (state.text, state.order) = (text, order)
        try text.append(Array(line.utf8))
        try order.append(OrderRecord(at: now(), .output(.system, end: try text.size())).encoded)
    }

    /// The machine may fail too, but nobody waits for the disk because of that.
    private func syncSoon() {
        DispatchQueue.global(qos: .utility).async { [self] in
            let files = state.withLock { state in
                state.isSyncing = false
                return [state.text, state.order]
            }
            for file in files { try? file?.sync() }
        }
    }
}

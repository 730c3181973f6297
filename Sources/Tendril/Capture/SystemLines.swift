import Dispatch
import Domain
import Synchronization
import SystemCalls

/// Writes SYSTEM lines to the capture: first the text, then its order record.
final class SystemLines: Sendable {
    private struct State {
        var text: OpenFile?
        /// The number of the last sealed line; nil until it is known.
        var count: Int?
        var order: OpenFile?
        /// Why a line is missing.
        var failure: String?
        var isSyncing = false
    }

    private let folder: JobFolder
    private let seal: SystemSeal?
    private let now: @Sendable () -> Timestamp
    private let state = Mutex(State())

    /// - Parameter seal: authenticates the lines; nil for plain text.
    init(folder: JobFolder, seal: SystemSeal? = nil, now: @escaping @Sendable () -> Timestamp) {
        self.folder = folder
        self.seal = seal
        self.now = now
    }

    /// The first write error; nil if there was none.
    var failure: String? { state.withLock { $0.failure } }

    /// The number of sealed lines of this process and earlier ones; nil if this one wrote none.
    var count: Int? { state.withLock { $0.count } }

    /// Appends `text`, one line or several. It is in the capture when this returns, even if this process dies then.
    func append(_ text: String) {
        guard !text.isEmpty else { return }
        let line = text.utf8.last == UInt8(ascii: "\n") ? text : text + "\n"
        let needsSync = state.withLock { state in
            do {
                try write(line, &state)
            } catch {
                state.failure = state.failure ?? "A SYSTEM line could not be written: \(error)."
                return false
            }
            defer { state.isSyncing = true }
            return !state.isSyncing
        }
        if needsSync { syncSoon() }
    }

    private func write(_ line: String, _ state: inout State) throws {
        let file = try state.text ?? OpenFile(folder.capture(of: .system), .append)
        let order = try state.order ?? OpenFile(folder.order, .append)
        (state.text, state.order) = (file, order)
        let moment = now()
        if let seal {
            let number = try (state.count ?? countLines(seal)) + 1
            let short = String(line.dropLast()).shortened(toBytes: SystemSeal.lineLimit / 4)
            try file.append(seal.encoded(.init(number: number, at: moment, text: short)))
            state.count = number
        } else {
            try file.append(Array(line.utf8))
        }
        try order.append(OrderRecord(at: moment, .output(.system, end: try file.size())).encoded)
    }

    /// The lines of earlier processes.
    private func countLines(_ seal: SystemSeal) throws -> Int {
        let file = try OpenFile(folder.capture(of: .system), .read)
        var parser = SystemLineParser(seal)
        var offset: Int64 = 0
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = try buffer.withUnsafeMutableBytes { try file.read(into: $0, at: offset) }
            guard count > 0 else { return parser.count }
            offset += Int64(count)
            _ = parser.take(buffer[..<count])
        }
    }

    /// Records that the file ends here, even if another program wrote to it or to the order: all of our lines are read.
    func recordEnd() throws {
        try state.withLock { state in
            let end = try (state.text ?? OpenFile(folder.capture(of: .system), .read)).size()
            guard end > 0 else { return }
            let order = try state.order ?? OpenFile(folder.order, .append)
            try order.append(OrderRecord(at: now(), .output(.system, end: end)).encoded)
        }
    }

    /// Syncs in the background, in case the machine crashes; nothing waits for it.
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

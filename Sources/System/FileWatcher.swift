import Dispatch
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The kernel's events about files that are written (inotify(7)).
public struct Inotify: Sendable {
    /// Readable when there is an event.
    public let file: OpenFile

    public init() throws(PosixError) {
        let number = inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK))
        guard number >= 0 else { throw PosixError("inotify_init1") }
        file = OpenFile(adopting: number, path: "inotify")
    }

    /// Watches a file for writes.
    ///
    /// - Returns: the watch's number, the same for the same file.
    public func watch(_ path: String) throws(PosixError) -> Int32 {
        let watch = inotify_add_watch(file.number, path, UInt32(IN_MODIFY))
        guard watch >= 0 else { throw PosixError("inotify_add_watch", path) }
        return watch
    }

    public func unwatch(_ watch: Int32) { inotify_rm_watch(file.number, watch) }

    /// The events since the last call, as numbers of watches in the order of the events; -1 if the kernel dropped
    /// some.
    public func events() -> [Int32] {
        var watches: [Int32] = []
        while true {
            let bytes = file.readAvailable(16 << 10)
            if bytes.isEmpty { return watches }
            bytes.withUnsafeBytes { buffer in
                // int wd; uint32_t mask, cookie, len; char name[len];
                var offset = 0
                while offset + 16 <= buffer.count {
                    watches.append(buffer.loadUnaligned(fromByteOffset: offset, as: Int32.self))
                    offset += 16 + Int(buffer.loadUnaligned(fromByteOffset: offset + 12, as: UInt32.self))
                }
            }
        }
    }
}

/// Reports when files are written. One for the whole process: a user may have only some 128 inotify instances.
///
/// Without inotify, every listener is called every 50 ms.
public final class FileWatcher: Sendable {
    public static let shared = FileWatcher()

    private struct State {
        var listeners: [Int: @Sendable () -> Void] = [:]
        /// The listeners of each watch; those without a watch are called by the timer.
        var watches: [Int32: Set<Int>] = [:]
        var nextListener = 0
        var timer: Source?
    }

    private let state: Mutex<State>
    private let events = Mutex<Source?>(nil)
    private let inotify: Inotify?
    private let queue = DispatchQueue(label: "vintner.files")

    /// - Parameter polling: whether to do without inotify.
    public init(polling: Bool = false) {
        inotify = polling ? nil : try? Inotify()
        state = Mutex(State())
        guard let inotify else { return }
        let source = DispatchSource.makeReadSource(fileDescriptor: inotify.file.number, queue: queue)
        source.setEventHandler { [weak self] in self?.deliver(inotify.events()) }
        // The source keeps the descriptor until it has released it.
        source.setCancelHandler { withExtendedLifetime(inotify) {} }
        events.withLock { $0 = Source(source) }
    }

    /// Runs until it is deallocated. Dispatch's sources are safe to use from any thread, but not marked so.
    private final class Source: @unchecked Sendable {
        private let source: any DispatchSourceProtocol

        init(_ source: any DispatchSourceProtocol) {
            self.source = source
            source.resume()
        }

        deinit { source.cancel() }
    }

    /// Keeps a callback registered until it is deallocated.
    public final class Listener: Sendable {
        fileprivate let end: @Sendable () -> Void

        fileprivate init(end: @escaping @Sendable () -> Void) { self.end = end }

        deinit { end() }
    }

    /// Calls `body` after the file at `path` was written; the file must exist. One call may stand for several writes.
    public func listen(to path: String, _ body: @escaping @Sendable () -> Void) -> Listener {
        state.withLock { state in
            let listener = state.nextListener
            state.nextListener += 1
            state.listeners[listener] = body
            if let watch = try? inotify?.watch(path) {
                state.watches[watch, default: []].insert(listener)
                return Listener { self.remove(listener, watch) }
            }
            startTimer(&state)
            state.watches[Self.polled, default: []].insert(listener)
            return Listener { self.remove(listener, Self.polled) }
        }
    }

    /// No watch of inotify has this number.
    private static let polled: Int32 = -2

    private func remove(_ listener: Int, _ watch: Int32) {
        state.withLock { state in
            state.listeners[listener] = nil
            state.watches[watch]?.remove(listener)
            guard state.watches[watch]?.isEmpty == true else { return }
            state.watches[watch] = nil
            if watch == Self.polled {
                state.timer = nil
            } else {
                inotify?.unwatch(watch)
            }
        }
    }

    private func startTimer(_ state: inout State) {
        guard state.timer == nil else { return }
        let timer = DispatchSource.makeTimerSource(queue: queue)
        timer.schedule(deadline: .now() + .milliseconds(50), repeating: .milliseconds(50))
        timer.setEventHandler { [weak self] in self?.deliver([Self.polled]) }
        state.timer = Source(timer)
    }

    private func deliver(_ events: [Int32]) {
        let bodies = state.withLock { state in
            // Dropped events may have been for any listener.
            let listeners =
                events.contains(-1)
                ? Set(state.listeners.keys)
                : Set(events).reduce(into: []) { $0.formUnion(state.watches[$1] ?? []) }
            return listeners.compactMap { state.listeners[$0] }
        }
        for body in bodies { body() }
    }
}

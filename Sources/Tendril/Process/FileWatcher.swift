import Dispatch
import Synchronization

/// Tells when files grow. One for the whole process: a user may have only some 128 inotify instances.
///
/// Where inotify can't be had, everybody is told every 50 ms that something may have happened.
final class FileWatcher: Sendable {
    static let shared = FileWatcher()

    private struct State {
        var listeners: [Int: @Sendable () -> Void] = [:]
        /// The listeners of each watch; those that have none are told on the timer.
        var watches: [Int32: Set<Int>] = [:]
        var nextListener = 0
        var timer: Source?
    }

    private let state: Mutex<State>
    private let events = Mutex<Source?>(nil)
    private let inotify: Inotify?
    private let queue = DispatchQueue(label: "vintner.files")

    /// - Parameter polling: as if there were no inotify.
    init(polling: Bool = false) {
        inotify = polling ? nil : try? Inotify()
        state = Mutex(State())
        guard let inotify else { return }
        let source = DispatchSource.makeReadSource(fileDescriptor: inotify.file.number, queue: queue)
        source.setEventHandler { [weak self] in self?.deliver(inotify.events()) }
        // The source holds the descriptor until it has let go of it.
        source.setCancelHandler { withExtendedLifetime(inotify) {} }
        events.withLock { $0 = Source(source) }
    }

    /// Runs until it is gone. Dispatch's sources may be used from any thread; they are only not marked so.
    private final class Source: @unchecked Sendable {
        private let source: any DispatchSourceProtocol

        init(_ source: any DispatchSourceProtocol) {
            self.source = source
            source.resume()
        }

        deinit { source.cancel() }
    }

    /// Keeps the watcher going; hears nothing more once it is gone.
    final class Listener: Sendable {
        fileprivate let end: @Sendable () -> Void

        fileprivate init(end: @escaping @Sendable () -> Void) { self.end = end }

        deinit { end() }
    }

    /// Calls `body` after the file at `path`, which must exist, was written; once for many writes.
    func listen(to path: String, _ body: @escaping @Sendable () -> Void) -> Listener {
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
            // Dropped events: it may have been anybody's.
            let listeners =
                events.contains(-1)
                ? Set(state.listeners.keys)
                : Set(events).reduce(into: []) { $0.formUnion(state.watches[$1] ?? []) }
            return listeners.compactMap { state.listeners[$0] }
        }
        for body in bodies { body() }
    }
}

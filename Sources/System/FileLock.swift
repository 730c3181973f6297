/// An exclusive `flock` on a file, held until it is deallocated or its process ends.
public final class FileLock: Sendable {
    private let file: OpenFile

    private init(_ file: OpenFile) { self.file = file }

    /// Takes the lock, and creates the file if there is none; nil if another opening holds it.
    public static func take(_ path: String) throws(FileError) -> FileLock? {
        do {
            let file = try OpenFile(path, .append)
            return try file.lock(wait: false) ? FileLock(file) : nil
        } catch { throw FileError(error) }
    }

    /// Takes the lock as soon as it is free. `onWait` is called once if it is not free immediately.
    public static func wait(
        for path: String, sleep: (Duration) async throws -> Void, onWait: () async -> Void = {}
    ) async throws -> FileLock {
        if let lock = try take(path) { return lock }
        await onWait()
        while true {
            // flock can't wait in a way that a task could cancel.
            try await sleep(.milliseconds(100))
            if let lock = try take(path) { return lock }
        }
    }
}

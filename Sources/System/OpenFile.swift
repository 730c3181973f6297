public import Foundation

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// An open file, closed with its last reference. Child processes do not inherit it.
public final class OpenFile: Sendable {
    public enum Mode: Sendable {
        case read
        /// Must exist.
        case readWrite
        /// Created if it is missing, readable for the owner only.
        case append
        /// Created or emptied, readable for the owner only.
        case replace
        /// A folder, to sync its names.
        case folder
        /// Both ends of a FIFO, without waiting for another process.
        case fifo
        /// The writing end of a FIFO; fails if it has no reader.
        case fifoWriter
    }

    public let number: Int32
    public let path: String

    /// Takes ownership of the open descriptor `number`.
    public init(adopting number: Int32, path: String) {
        self.number = number
        self.path = path
    }

    /// Another descriptor of the open file `number`; nil if that is not open.
    public convenience init?(copying number: Int32, path: String) {
        let copy = fcntl(number, F_DUPFD_CLOEXEC, 3)
        guard copy >= 0 else { return nil }
        self.init(adopting: copy, path: path)
    }

    public convenience init(_ path: String, _ mode: Mode) throws(PosixError) {
        let number: Int32 =
            switch mode {
            case .read: try Posix.openRegular(path, O_RDONLY)
            case .readWrite: try Posix.openRegular(path, O_RDWR)
            case .append: try Posix.openRegular(path, O_WRONLY | O_CREAT | O_APPEND)
            case .replace: try Posix.replaceRegular(path)
            case .folder: try Posix.openRetrying(path, O_RDONLY | O_DIRECTORY)
            case .fifo: try Posix.openFIFO(path, O_RDWR)
            case .fifoWriter: try Posix.openFIFO(path, O_WRONLY)
            }
        self.init(adopting: number, path: path)
    }

    deinit { close(number) }

    public func size() throws(PosixError) -> Int64 {
        var status = stat()
        guard fstat(number, &status) == 0 else { throw PosixError("fstat", path) }
        return Int64(status.st_size)
    }

    /// One `write`: with `.append`, the bytes are contiguous in the file even if other processes append too.
    ///
    /// - Throws: also if only a part could be written (the disk is full).
    public func append(_ bytes: [UInt8]) throws(PosixError) {
        var written: Int
        repeat { written = write(number, bytes, bytes.count) } while written < 0 && errno == EINTR
        guard written >= 0 else { throw PosixError("write", path) }
        guard written == bytes.count else { throw PosixError("write", path, code: ENOSPC) }
    }

    /// Writes all bytes, in as many steps as it takes.
    public func writeAll(_ bytes: UnsafeRawBufferPointer) throws(PosixError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = UnsafeRawBufferPointer(rebasing: rest)
            let written = write(number, piece.baseAddress, piece.count)
            if written > 0 {
                rest = rest.dropFirst(written)
            } else if written == 0 || errno != EINTR {
                throw written == 0 ? PosixError("write", path, code: ENOSPC) : PosixError("write", path)
            }
        }
    }

    /// Reads up to `buffer.count` bytes from `offset` on; 0 at the end.
    public func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(PosixError) -> Int {
        var count: Int
        repeat {
            count = pread(number, buffer.baseAddress, buffer.count, off_t(offset))
        } while count < 0
            && errno == EINTR
        guard count >= 0 else { throw PosixError("pread", path) }
        return count
    }

    /// The bytes that a FIFO or an inotify descriptor has now; empty if it has none.
    public func readAvailable(_ limit: Int = 4096) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
            count = max(0, Posix.readOnce(number, buffer.baseAddress, limit))
        }
    }

    /// Frees the disk space of `range`, which then reads as zeros. The file keeps its size.
    public func punch(_ range: Range<Int64>) throws(PosixError) {
        // Whole blocks only, so the bytes around the range stay.
        let block: Int64 = 4096
        let (from, to) = ((range.lowerBound + block - 1) / block * block, range.upperBound / block * block)
        guard from < to else { return }
        guard Posix.punchHole(number, from, to - from) == 0 else { throw PosixError("fallocate", path) }
    }

    public func sync() throws(PosixError) {
        guard fsync(number) == 0 else { throw PosixError("fsync", path) }
    }

    /// Takes the file's lock (`flock`). It is released with the last descriptor of this opening.
    ///
    /// - Returns: false if another opening has it and `wait` is false.
    public func lock(exclusive: Bool = true, wait: Bool) throws(PosixError) -> Bool {
        let operation = (exclusive ? LOCK_EX : LOCK_SH) | (wait ? 0 : LOCK_NB)
        while flock(number, operation) != 0 {
            if errno == EWOULDBLOCK { return false }
            guard errno == EINTR else { throw PosixError("flock", path) }
        }
        return true
    }

    /// Keeps child processes from inheriting an adopted descriptor.
    public func closeOnExec() -> Bool { fcntl(number, F_SETFD, FD_CLOEXEC) == 0 }
}

/// Opens files in folders that untrusted programs write to: there may be anything in the place of a file.
extension Posix {
    /// Opens a regular file. It never waits, follows no link in the last component, and is not inherited.
    ///
    /// - Throws: ``PosixError/isNotRegular`` if there is a FIFO, a socket, a device, a link or a folder at the path.
    public static func openRegular(_ path: String, _ flags: Int32, mode: mode_t = 0o600) throws(PosixError) -> Int32 {
        let number: Int32
        do { number = try openRetrying(path, flags | O_NONBLOCK | O_NOFOLLOW, mode: mode) } catch {
            // A link (ELOOP), or a FIFO or a socket without a reader (ENXIO).
            if !error.isMissing, let kind = kindOfOther(path) { throw .notRegular(path, kind: kind) }
            throw error
        }
        var status = stat()
        guard fstat(number, &status) == 0 else {
            let error = PosixError("fstat", path)
            close(number)
            throw error
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            close(number)
            throw .notRegular(path, kind: name(ofKind: status.st_mode))
        }
        // Only for opening: child processes would inherit the flag.
        _ = fcntl(number, F_SETFL, fcntl(number, F_GETFL) & ~O_NONBLOCK)
        return number
    }

    /// Opens a regular file to write it from the start. Anything else at the path is removed.
    public static func replaceRegular(_ path: String) throws(PosixError) -> Int32 {
        let flags = O_WRONLY | O_CREAT
        let number: Int32
        do { number = try openRegular(path, flags) } catch {
            guard error.isNotRegular else { throw error }
            try remove(path)
            number = try openRegular(path, flags | O_EXCL)
        }
        guard ftruncate(number, 0) == 0 else {
            let error = PosixError("ftruncate", path)
            close(number)
            throw error
        }
        return number
    }

    public static func openFIFO(_ path: String, _ flags: Int32) throws(PosixError) -> Int32 {
        let number = try openRetrying(path, flags | O_NONBLOCK | O_NOFOLLOW)
        var status = stat()
        guard fstat(number, &status) == 0, status.st_mode & S_IFMT == S_IFIFO else {
            close(number)
            throw PosixError("open", path, code: EINVAL)
        }
        return number
    }

    fileprivate static func openRetrying(_ path: String, _ flags: Int32, mode: mode_t = 0o600) throws(PosixError)
        -> Int32
    {
        var number: Int32
        repeat { number = open(path, flags | O_CLOEXEC, mode) } while number < 0 && errno == EINTR
        guard number >= 0 else { throw PosixError("open", path) }
        return number
    }

    /// What is at `path`, if that is not a regular file.
    private static func kindOfOther(_ path: String) -> String? {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG else { return nil }
        return name(ofKind: status.st_mode)
    }

    private static func name(ofKind mode: mode_t) -> String {
        switch mode & S_IFMT {
        case S_IFDIR: "a folder"
        case S_IFLNK: "a link"
        case S_IFIFO: "a FIFO"
        case S_IFSOCK: "a socket"
        default: "a device"
        }
    }
}

extension Posix {
    public static func readOnce(_ number: Int32, _ buffer: UnsafeMutableRawPointer?, _ limit: Int) -> Int {
        read(number, buffer, limit)
    }

    /// Two ends of a pipe; children never inherit them.
    public static func makePipe() throws(PosixError) -> (reader: OpenFile, writer: OpenFile) {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw PosixError("pipe") }
        let pipe = (
            reader: OpenFile(adopting: ends[0], path: "pipe"), writer: OpenFile(adopting: ends[1], path: "pipe")
        )
        guard pipe.reader.closeOnExec(), pipe.writer.closeOnExec() else { throw PosixError("fcntl") }
        return pipe
    }

    /// Waits until one of `files` can be read, or for `timeout` milliseconds (nil: forever).
    ///
    /// - Returns: for each file, whether it can be read.
    public static func wait(for files: [OpenFile?], timeout: Int64?) -> [Bool] {
        var polled = files.map { pollfd(fd: $0?.number ?? -1, events: Int16(POLLIN), revents: 0) }
        let limit = timeout.map { Int32(clamping: max(0, $0)) } ?? -1
        guard poll(&polled, nfds_t(polled.count), limit) > 0 else { return files.map { _ in false } }
        return polled.map { $0.revents != 0 }
    }
}

/// Small files, read and written as a whole.
public enum SmallFile {
    /// The file's bytes; nil if there is no file.
    public static func read(_ path: String, limit: Int = 16 << 20) throws(PosixError) -> [UInt8]? {
        let file: OpenFile
        do { file = try OpenFile(path, .read) } catch { if error.isMissing { return nil } else { throw error } }
        guard try file.size() <= limit else { throw PosixError("read", path, code: EFBIG) }
        // Files in /proc have no size: read until the end.
        var bytes: [UInt8] = []
        while bytes.count < limit {
            let piece = file.readAvailable(64 << 10)
            if piece.isEmpty { break }
            bytes += piece
        }
        return bytes
    }

    /// Replaces the file at `path` in one step: readers see the old file or the whole new one.
    ///
    /// - Parameter durably: whether the file and its name survive a power cut once this returns.
    public static func write(
        _ bytes: some ContiguousBytes, to path: String, mode: UInt32 = 0o600, durably: Bool
    ) throws(PosixError) {
        let draft = path + ".new"
        try Posix.remove(draft)
        try create(bytes, at: draft, mode: mode, durably: durably)
        try Posix.move(draft, to: path)
        if durably { try syncFolder(of: path) }
    }

    /// Creates a file that must not exist yet; no link is followed.
    public static func create(
        _ bytes: some ContiguousBytes, at path: String, mode: UInt32 = 0o600, durably: Bool = false
    ) throws(PosixError) {
        let number = try Posix.openRegular(path, O_WRONLY | O_CREAT | O_EXCL, mode: mode)
        let file = OpenFile(adopting: number, path: path)
        let error = bytes.withUnsafeBytes { buffer -> PosixError? in
            do throws(PosixError) {
                try file.writeAll(buffer)
                return nil
            } catch { return error }
        }
        if let error { throw error }
        if durably { try file.sync() }
    }

    /// Makes the names in a file's folder survive a power cut.
    public static func syncFolder(of path: String) throws(PosixError) {
        let end = path.lastIndex(of: "/") ?? path.startIndex
        try OpenFile(end == path.startIndex ? "/" : String(path[..<end]), .folder).sync()
    }
}

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
        // One loop with one exit: the optimizer of Swift 6.3.1 crashes on an earlier return between the awaits.
        var lock = try take(path)
        if lock == nil { await onWait() }
        while true {
            if let lock { return lock }
            // flock can't wait in a way that a task could cancel.
            try await sleep(.milliseconds(100))
            lock = try take(path)
        }
    }
}

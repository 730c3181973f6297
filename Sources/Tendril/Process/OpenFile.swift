#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// An open file that closes itself. Children never inherit it.
final class OpenFile: Sendable {
    enum Mode: Sendable {
        case read
        /// Must exist.
        case readWrite
        /// Made where it is missing, readable for the owner only.
        case append
        /// Made or emptied, readable for the owner only.
        case replace
        /// A folder, to make its names durable.
        case folder
        /// Both ends of a FIFO, without waiting for anybody.
        case fifo
        /// The writing end of a FIFO; fails where nobody reads.
        case fifoWriter
    }

    let number: Int32
    let path: String

    /// Takes over `number`, which is open already.
    init(adopting number: Int32, path: String) {
        self.number = number
        self.path = path
    }

    convenience init(_ path: String, _ mode: Mode) throws(PosixError) {
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

    func size() throws(PosixError) -> Int64 {
        var status = stat()
        guard fstat(number, &status) == 0 else { throw PosixError("fstat", path) }
        return Int64(status.st_size)
    }

    /// One `write`: with `.append` it stands in the file in one piece, whoever else appends.
    ///
    /// - Throws: also where only a part could be written (the disk is full).
    func append(_ bytes: [UInt8]) throws(PosixError) {
        var written: Int
        repeat { written = write(number, bytes, bytes.count) } while written < 0 && errno == EINTR
        guard written >= 0 else { throw PosixError("write", path) }
        guard written == bytes.count else { throw PosixError("write", path, code: ENOSPC) }
    }

    /// Up to `buffer.count` bytes from `offset` on; 0 at the end.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(PosixError) -> Int {
        var count: Int
        repeat {
            count = pread(number, buffer.baseAddress, buffer.count, off_t(offset))
        } while count < 0
            && errno == EINTR
        guard count >= 0 else { throw PosixError("pread", path) }
        return count
    }

    /// What stands in a FIFO or is queued in an inotify descriptor now; empty where nothing is.
    func readAvailable(_ limit: Int = 4096) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
            count = max(0, Posix.readOnce(number, buffer.baseAddress, limit))
        }
    }

    /// Gives the disk back what stands in `range`; from then on it reads as zeros. The file keeps its size.
    func punch(_ range: Range<Int64>) throws(PosixError) {
        // Whole blocks only, so that nothing beside it is touched.
        let block: Int64 = 4096
        let (from, to) = ((range.lowerBound + block - 1) / block * block, range.upperBound / block * block)
        guard from < to else { return }
        guard Posix.punchHole(number, from, to - from) == 0 else { throw PosixError("fallocate", path) }
    }

    func sync() throws(PosixError) {
        guard fsync(number) == 0 else { throw PosixError("fsync", path) }
    }

    /// Takes the file's lock (`flock`), which goes with the last descriptor of this opening.
    ///
    /// - Returns: false where somebody else has it and `wait` is false.
    func lock(exclusive: Bool = true, wait: Bool) throws(PosixError) -> Bool {
        let operation = (exclusive ? LOCK_EX : LOCK_SH) | (wait ? 0 : LOCK_NB)
        while flock(number, operation) != 0 {
            if errno == EWOULDBLOCK { return false }
            guard errno == EINTR else { throw PosixError("flock", path) }
        }
        return true
    }

    /// Keeps children from inheriting it, where it was adopted.
    func closeOnExec() -> Bool { fcntl(number, F_SETFD, FD_CLOEXEC) == 0 }
}

/// The one way in which files are opened that something in a job can have touched: it may have put anything in their
/// place.
extension Posix {
    /// Opens a regular file. It never waits, follows no link in the last component, and is not inherited.
    ///
    /// - Throws: ``PosixError/isNotRegular`` where the name belongs to a FIFO, a socket, a device, a link or a folder.
    static func openRegular(_ path: String, _ flags: Int32, mode: mode_t = 0o600) throws(PosixError) -> Int32 {
        let number: Int32
        do { number = try openRetrying(path, flags | O_NONBLOCK | O_NOFOLLOW, mode: mode) } catch {
            // A link (ELOOP), or a FIFO or a socket that nobody reads (ENXIO).
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
        // The flag would be handed down with the file; it was only for the opening.
        _ = fcntl(number, F_SETFL, fcntl(number, F_GETFL) & ~O_NONBLOCK)
        return number
    }

    /// Opens a regular file to be written from its beginning. What else has its name is removed.
    static func replaceRegular(_ path: String) throws(PosixError) -> Int32 {
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

    static func openFIFO(_ path: String, _ flags: Int32) throws(PosixError) -> Int32 {
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

    /// What stands at `path`, where that is no regular file.
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
    static func readOnce(_ number: Int32, _ buffer: UnsafeMutableRawPointer?, _ limit: Int) -> Int {
        read(number, buffer, limit)
    }

    /// Two ends of a pipe; children never inherit them.
    static func makePipe() throws(PosixError) -> (reader: OpenFile, writer: OpenFile) {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw PosixError("pipe") }
        let pipe = (
            reader: OpenFile(adopting: ends[0], path: "pipe"), writer: OpenFile(adopting: ends[1], path: "pipe")
        )
        guard pipe.reader.closeOnExec(), pipe.writer.closeOnExec() else { throw PosixError("fcntl") }
        return pipe
    }

    /// Waits until one of `files` can be read, or for `timeout` milliseconds (nil: for ever).
    ///
    /// - Returns: for each file, whether it can be read.
    static func wait(for files: [OpenFile?], timeout: Int64?) -> [Bool] {
        var polled = files.map { pollfd(fd: $0?.number ?? -1, events: Int16(POLLIN), revents: 0) }
        let limit = timeout.map { Int32(clamping: max(0, $0)) } ?? -1
        guard poll(&polled, nfds_t(polled.count), limit) > 0 else { return files.map { _ in false } }
        return polled.map { $0.revents != 0 }
    }
}

/// Whole small files.
enum SmallFile {
    /// nil where there is none.
    static func read(_ path: String, limit: Int = 16 << 20) throws(PosixError) -> [UInt8]? {
        let file: OpenFile
        do { file = try OpenFile(path, .read) } catch { if error.isMissing { return nil } else { throw error } }
        guard try file.size() <= limit else { throw PosixError("read", path, code: EFBIG) }
        // Files in /proc have no size: read until nothing comes.
        var bytes: [UInt8] = []
        while bytes.count < limit {
            let piece = file.readAvailable(64 << 10)
            if piece.isEmpty { break }
            bytes += piece
        }
        return bytes
    }

    /// Writes a whole file under a name beside it, then puts it in place: readers see all of it or nothing.
    ///
    /// - Parameter durably: it is on the disk, with its name, when this returns.
    static func write(_ bytes: [UInt8], to path: String, durably: Bool) throws(PosixError) {
        let draft = path + ".new"
        let file = try OpenFile(draft, .replace)
        try file.append(bytes)
        if durably { try file.sync() }
        try Posix.move(draft, to: path)
        if durably { try syncFolder(of: path) }
    }

    /// Makes the names in a file's folder survive a crash of the machine.
    static func syncFolder(of path: String) throws(PosixError) {
        let end = path.lastIndex(of: "/") ?? path.startIndex
        try OpenFile(end == path.startIndex ? "/" : String(path[..<end]), .folder).sync()
    }
}

import Foundation

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Why a file could not be dealt with, as a person can read it.
struct FileError: Error, Hashable, CustomStringConvertible {
    var path: String
    var reason: String

    var description: String { "\(path): \(reason)" }

    /// What the last system call of this thread said.
    static func last(_ path: String) -> FileError {
        FileError(path: path, reason: String(cString: strerror(errno)))
    }
}

/// Files as the job runner writes them: with their mode from the start, and whole or not at all.
enum Files {
    /// Replaces the file at `path` in one step. `durably`: it survives a power cut.
    static func write(_ data: Data, to path: String, mode: UInt32 = 0o600, durably: Bool = false) throws {
        let temporary = path + ".new"
        unlink(temporary)
        try create(data, at: temporary, mode: mode, durably: durably)
        guard rename(temporary, path) == 0 else { throw FileError.last(path) }
        if durably { try syncFolder((path as NSString).deletingLastPathComponent) }
    }

    /// Makes a file that must not be there yet; no link is followed.
    static func create(_ data: Data, at path: String, mode: UInt32 = 0o600, durably: Bool = false) throws {
        let descriptor = openFile(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw FileError.last(path) }
        defer { close(descriptor) }
        try data.withUnsafeBytes { bytes in
            var written = 0
            while written < bytes.count {
                let count = writeSome(descriptor, bytes[written...])
                if count < 0 {
                    guard errno == EINTR else { throw FileError.last(path) }
                } else {
                    written += count
                }
            }
        }
        if durably, fsync(descriptor) != 0 { throw FileError.last(path) }
    }

    /// A regular file, open for reading; nil where there is none. See ``Posix/openRegular(_:_:mode:)``.
    ///
    /// - Throws: for one of more than `limit` bytes, and for what is not a regular file.
    static func open(_ path: String, limit: Int = .max) throws(FileError) -> FileHandle? {
        let descriptor: Int32
        do { descriptor = try Posix.openRegular(path, O_RDONLY) } catch {
            if error.isMissing { return nil }
            throw FileError(path: path, reason: error.reason)
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, Int(status.st_size) <= limit else {
            close(descriptor)
            throw FileError(path: path, reason: "more than \(limit) bytes")
        }
        return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    /// The whole file, mapped into memory instead of copied: for one that nothing writes any more.
    ///
    /// - Throws: as ``open(_:limit:)``, and where there is none.
    static func map(_ path: String, limit: Int = 2 << 30) throws -> Data {
        guard let file = try open(path, limit: limit) else {
            throw FileError(path: path, reason: "it is not there")
        }
        let size = Int(try file.seekToEnd())
        guard size > 0 else { return Data() }
        guard let bytes = mmap(nil, size, PROT_READ, MAP_PRIVATE, file.fileDescriptor, 0), bytes != MAP_FAILED else {
            throw FileError.last(path)
        }
        return Data(bytesNoCopy: bytes, count: size, deallocator: .custom { munmap($0, $1) })
    }

    /// The whole file, copied into memory; nil where there is none.
    ///
    /// - Throws: for one of more than `limit` bytes, and for what is not a regular file.
    static func read(_ path: String, limit: Int = 512 << 20) throws -> Data? {
        guard let file = try open(path, limit: limit) else { return nil }
        var data = Data()
        while let piece = try file.read(upToCount: 1 << 20), !piece.isEmpty {
            data.append(piece)
            guard data.count <= limit else { throw FileError(path: path, reason: "more than \(limit) bytes") }
        }
        return data
    }

    /// A new file without a name, gone with its last handle.
    static func nameless() throws -> FileHandle {
        var template = Array((NSTemporaryDirectory() + "/vintner-XXXXXX").utf8CString)
        let descriptor = mkstemp(&template)
        guard descriptor >= 0 else { throw FileError.last(NSTemporaryDirectory()) }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        unlink(template)
        return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    /// Makes the folder, and those above it, for the owner alone.
    static func makeFolder(_ path: String) throws {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch { throw FileError(path: path, reason: "the folder can't be made (\(describe(error)))") }
    }

    /// Removes the file or the folder with all that is in it; no link is followed. What is not there is no error.
    ///
    /// Folders that a job made read-only are made writable on the way; see ``Removal``.
    static func remove(_ path: String) throws(FileError) {
        switch kind(of: path) {
        case nil: return
        case .folder: try Removal.remove(folder: path)
        default:
            guard unlink(path) == 0 || errno == ENOENT else {
                throw FileError(path: path, reason: "it can't be removed (\(String(cString: strerror(errno))))")
            }
        }
    }

    static func move(_ old: String, to new: String) throws {
        guard rename(old, new) == 0 else { throw FileError.last(new) }
    }

    enum Kind { case folder, file, link, other }

    /// What stands at `path` itself; nil for nothing.
    static func kind(of path: String) -> Kind? {
        guard let entry = entry(path) else { return nil }
        switch entry.st_mode & S_IFMT {
        case S_IFDIR: return .folder
        case S_IFREG: return .file
        case S_IFLNK: return .link
        default: return .other
        }
    }

    /// What changes whenever a file is written anew or replaced; nil for none.
    struct Fingerprint: Hashable {
        var device: UInt64
        var inode: UInt64
        var size: Int64
        var modified: Int64
    }

    /// The fingerprint of the file behind `path`, links followed.
    static func fingerprint(_ path: String) -> Fingerprint? {
        var entry = stat()
        guard stat(path, &entry) == 0 else { return nil }
        return Fingerprint(
            device: UInt64(entry.st_dev), inode: UInt64(entry.st_ino), size: Int64(entry.st_size),
            modified: Int64(entry.st_mtim.tv_sec) * 1_000_000_000 + Int64(entry.st_mtim.tv_nsec))
    }

    static func size(of path: String) -> Int { entry(path).map { Int($0.st_size) } ?? 0 }

    static func isExecutable(_ path: String) -> Bool { access(path, X_OK) == 0 && kind(of: path) != .folder }

    /// The path with every link in it resolved; nil where something is missing.
    static func real(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    private static func entry(_ path: String) -> stat? {
        var entry = stat()
        return lstat(path, &entry) == 0 ? entry : nil
    }

    private static func syncFolder(_ path: String) throws {
        let descriptor = openFile(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
        guard descriptor >= 0 else { throw FileError.last(path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw FileError.last(path) }
    }

    private static func describe(_ error: any Error) -> String {
        let error = error as NSError
        let cause = error.userInfo[NSUnderlyingErrorKey] as? NSError
        return cause.map { String(cString: strerror(Int32($0.code))) } ?? error.localizedDescription
    }
}

/// Outside of ``Files``, whose own `open` and `write` would hide the system's.
private func openFile(_ path: String, _ flags: Int32, _ mode: mode_t) -> Int32 { open(path, flags, mode) }

private func writeSome(_ descriptor: Int32, _ bytes: Slice<UnsafeRawBufferPointer>) -> Int {
    let rest = UnsafeRawBufferPointer(rebasing: bytes)
    return write(descriptor, rest.baseAddress, rest.count)
}

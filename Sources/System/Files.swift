public import Foundation

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A failed operation on a file, described for people.
public struct FileError: Error, Hashable, CustomStringConvertible {
    public var path: String
    public var reason: String

    public var description: String { "\(path): \(reason)" }

    public init(path: String, reason: String) {
        self.path = path
        self.reason = reason
    }

    public init(_ error: PosixError) { self.init(path: error.path ?? error.call, reason: error.reason) }

    /// The error of this thread's last system call.
    public static func last(_ path: String) -> FileError {
        FileError(path: path, reason: String(cString: strerror(errno)))
    }
}

/// Operations on files: they have their mode from the start, and are written as a whole or not at all.
public enum Files {
    /// Replaces the file at `path` in one step; see ``SmallFile/write(_:to:mode:durably:)``.
    public static func write(_ data: Data, to path: String, mode: UInt32 = 0o600, durably: Bool = false) throws {
        do { try SmallFile.write(data, to: path, mode: mode, durably: durably) } catch { throw FileError(error) }
    }

    /// Creates a file that must not exist yet; no link is followed.
    public static func create(_ data: Data, at path: String, mode: UInt32 = 0o600, durably: Bool = false) throws {
        do { try SmallFile.create(data, at: path, mode: mode, durably: durably) } catch { throw FileError(error) }
    }

    /// A regular file, open for reading; nil if there is none. See ``Posix/openRegular(_:_:mode:)``.
    ///
    /// - Throws: if it has more than `limit` bytes, or is not a regular file.
    public static func open(_ path: String, limit: Int = .max) throws(FileError) -> FileHandle? {
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

    /// The whole file, mapped into memory instead of copied: for a file that is no longer written.
    ///
    /// - Throws: as ``open(_:limit:)``, and if there is none.
    public static func map(_ path: String, limit: Int = 2 << 30) throws -> Data {
        guard let file = try open(path, limit: limit) else {
            throw FileError(path: path, reason: "no such file")
        }
        let size = Int(try file.seekToEnd())
        guard size > 0 else { return Data() }
        guard let bytes = mmap(nil, size, PROT_READ, MAP_PRIVATE, file.fileDescriptor, 0), bytes != MAP_FAILED else {
            throw FileError.last(path)
        }
        return Data(bytesNoCopy: bytes, count: size, deallocator: .custom { munmap($0, $1) })
    }

    /// The whole file, copied into memory; nil if there is none.
    ///
    /// - Throws: if it has more than `limit` bytes, or is not a regular file.
    public static func read(_ path: String, limit: Int = 512 << 20) throws -> Data? {
        guard let file = try open(path, limit: limit) else { return nil }
        var data = Data()
        while let piece = try file.read(upToCount: 1 << 20), !piece.isEmpty {
            data.append(piece)
            guard data.count <= limit else { throw FileError(path: path, reason: "more than \(limit) bytes") }
        }
        return data
    }

    /// A new file without a name, deleted with its last reference.
    public static func anonymous() throws(FileError) -> OpenFile {
        var template = Array((NSTemporaryDirectory() + "/vintner-XXXXXX").utf8CString)
        let descriptor = mkstemp(&template)
        guard descriptor >= 0 else { throw FileError.last(NSTemporaryDirectory()) }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        unlink(template)
        return OpenFile(adopting: descriptor, path: "temporary file")
    }

    /// Creates the folder and its missing parents, for the owner alone.
    public static func makeFolder(_ path: String) throws {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch { throw FileError(path: path, reason: "can't create the folder (\(describe(error)))") }
    }

    /// Removes the file, or the folder with its contents; no link is followed. It need not exist.
    ///
    /// Read-only folders are made writable on the way; see ``Removal``.
    public static func remove(_ path: String) throws(FileError) {
        switch kind(of: path) {
        case nil: return
        case .folder: try Removal.remove(folder: path)
        default:
            guard unlink(path) == 0 || errno == ENOENT else {
                throw FileError(path: path, reason: "can't remove it (\(String(cString: strerror(errno))))")
            }
        }
    }

    public static func move(_ old: String, to new: String) throws {
        guard rename(old, new) == 0 else { throw FileError.last(new) }
    }

    public enum Kind: Sendable { case folder, file, link, other }

    /// What is at `path` itself, links not followed; nil if there is nothing.
    public static func kind(of path: String) -> Kind? {
        guard let entry = entry(path) else { return nil }
        switch entry.st_mode & S_IFMT {
        case S_IFDIR: return .folder
        case S_IFREG: return .file
        case S_IFLNK: return .link
        default: return .other
        }
    }

    /// Changes whenever a file is written or replaced.
    public struct Fingerprint: Hashable, Sendable {
        public var device: UInt64
        public var inode: UInt64
        public var size: Int64
        public var modified: Int64
    }

    /// The fingerprint of the file at `path`, links followed; nil if there is none.
    public static func fingerprint(_ path: String) -> Fingerprint? {
        var entry = stat()
        guard stat(path, &entry) == 0 else { return nil }
        return Fingerprint(
            device: UInt64(entry.st_dev), inode: UInt64(entry.st_ino), size: Int64(entry.st_size),
            modified: Int64(entry.st_mtim.tv_sec) * 1_000_000_000 + Int64(entry.st_mtim.tv_nsec))
    }

    public static func size(of path: String) -> Int { entry(path).map { Int($0.st_size) } ?? 0 }

    public static func isExecutable(_ path: String) -> Bool { access(path, X_OK) == 0 && kind(of: path) != .folder }

    /// The path with every link resolved; nil if a part of it does not exist.
    public static func real(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    private static func entry(_ path: String) -> stat? {
        var entry = stat()
        return lstat(path, &entry) == 0 ? entry : nil
    }

    private static func describe(_ error: any Error) -> String {
        let error = error as NSError
        let cause = error.userInfo[NSUnderlyingErrorKey] as? NSError
        return cause.map { String(cString: strerror(Int32($0.code))) } ?? error.localizedDescription
    }
}

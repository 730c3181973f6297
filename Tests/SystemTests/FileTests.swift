import Foundation
import SystemCalls
import Testing

@Suite struct FileTests {
    @Test(arguments: [false, true]) func aFileIsReplacedAsAWhole(durably: Bool) throws {
        let scratch = try Scratch()
        let path = scratch.path + "/a"
        try Files.write(Data("one".utf8), to: path, durably: durably)
        try SmallFile.write(Array("two".utf8), to: path, mode: 0o644, durably: durably)
        #expect(try Files.read(path) == Data("two".utf8))
        #expect(try SmallFile.read(path) == Array("two".utf8))
        #expect(try Posix.list(scratch.path) == ["a"])
    }

    @Test func createRefusesWhatExists() throws {
        let scratch = try Scratch()
        let path = try scratch.write("x", to: "a")
        #expect(throws: FileError.self) { try Files.create(Data(), at: path) }
        #expect(scratch.text(of: "a") == "x")
    }

    @Test func aFolderThatCannotBeReadIsAnError() throws {
        let scratch = try Scratch()
        let path = try scratch.write("x", to: "a")
        #expect(#expect(throws: PosixError.self) { try Posix.list(path) }?.isAbsent == false)
        #expect(#expect(throws: PosixError.self) { try Posix.list(path + "-missing") }?.isAbsent == true)
        #expect(Posix.names(in: path).isEmpty)
    }

    @Test func aLockHasOneHolder() async throws {
        let scratch = try Scratch()
        let path = scratch.path + "/lock"
        var first: FileLock? = try FileLock.take(path)
        #expect(first != nil)
        #expect(try FileLock.take(path) == nil)
        first = nil
        #expect(try FileLock.take(path) != nil)
    }

}

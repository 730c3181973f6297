internal import Domain

/// Takes chunks apart for a ``LogBlock``: like beside like, so that it compresses well.
///
/// `rest` is four byte strings: of each chunk its id, epoch, stream and marks, number of lines, and when it was stored;
/// the times of its lines; the pieces that were cut out of visible lines; and where in which line they belong.
struct BlockWriter {
    private(set) var text: [UInt8] = []
    private(set) var marks: [DiagnosticLine] = []

    private var heads = ByteWriter()
    private var times = ByteWriter()
    private var edits = ByteWriter()
    private var pieces: [[UInt8]: Int] = [:]
    private var pieceList: [[UInt8]] = []

    private var line = VisibleLine()
    private var lastID: Int64 = 0
    private var lastTime: Int64 = 0
    /// Lines since the last one that was edited.
    private var unedited = 0

    /// The format of `rest`; a reader refuses another.
    static let version = 1

    var rest: [UInt8] {
        var dictionary = ByteWriter()
        for piece in pieceList { dictionary.append(piece) }
        var rest = ByteWriter()
        rest.append(Self.version)
        for part in [heads, times, dictionary, edits] { rest.append(part.bytes) }
        return rest.bytes
    }

    mutating func add(_ chunk: LogChunk, _ state: inout TextState) {
        // A copy: the line is written to while this is.
        var visible = line
        state.read(chunk, into: &visible) { index, raw, shown, mark in
            if mark.isHead, let kind = mark.kind {
                marks.append(DiagnosticLine(line: chunk.firstLine + Int64(index), kind: kind))
            }
            text.append(contentsOf: shown.text)
            text.append(UInt8(ascii: "\n"))
            if shown.isRewritten || shown.text.count != raw.count {
                edit(raw, shown)
            } else {
                unedited += 1
            }
        }
        line = visible
        addTimes(of: chunk)
        addHead(of: chunk)
    }

    private mutating func addHead(of chunk: LogChunk) {
        let isOpen = chunk.text.utf8.last != UInt8(ascii: "\n")
        heads.append(UInt64(bitPattern: chunk.id &- lastID))
        heads.append(chunk.epoch)
        heads.append(chunk.stream.code | (chunk.continued ? 4 : 0) | (isOpen ? 8 : 0))
        heads.append(chunk.lineCount)
        heads.appendSigned(chunk.createdAt.milliseconds &- lastTime)
        lastID = chunk.id
    }

    private mutating func addTimes(of chunk: LogChunk) {
        times.append(chunk.times.runs.count)
        for run in chunk.times.runs {
            times.append(run.lines)
            times.appendSigned(run.at.milliseconds &- lastTime)
            lastTime = run.at.milliseconds
        }
    }

    /// How the raw line is made from the visible one: pieces put in, or, where something was overwritten, the whole.
    private mutating func edit(_ raw: UnsafeBufferPointer<UInt8>, _ shown: VisibleLine) {
        edits.append(unedited)
        unedited = 0
        guard !shown.isRewritten else {
            edits.append(0)
            edits.append(raw)
            return
        }
        let cuts = shown.cuts(ofLine: raw.count)
        edits.append(cuts.count)
        for cut in cuts {
            edits.append(cut.gap)
            edits.append(index(of: Array(raw[cut.raw])))
        }
    }

    private mutating func index(of piece: [UInt8]) -> Int {
        if let index = pieces[piece] { return index }
        pieces[piece] = pieceList.count
        pieceList.append(piece)
        return pieceList.count - 1
    }
}

extension LogStream {
    /// Its number in a block.
    var code: Int {
        switch self {
        case .stdout: 0
        case .stderr: 1
        case .system: 2
        }
    }

    init(code: Int) throws(StorageError) {
        switch code {
        case 0: self = .stdout
        case 1: self = .stderr
        case 2: self = .system
        default: throw ByteReader.damaged
        }
    }
}

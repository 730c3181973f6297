/// When each line of a chunk was printed: runs of lines that were seen at the same moment.
public struct LineTimes: Hashable, Sendable {
    public struct Run: Hashable, Sendable {
        /// How many lines; at least 1.
        public var lines: Int
        public var at: Timestamp

        public init(lines: Int, at: Timestamp) {
            self.lines = lines
            self.at = at
        }
    }

    public private(set) var runs: [Run]

    public init(_ runs: [Run] = []) { self.runs = runs }

    /// Every one of `lines` lines at the same moment.
    public init(lines: Int, at moment: Timestamp) { self.runs = [Run(lines: lines, at: moment)] }

    /// Adds `lines` lines printed at `moment`.
    public mutating func append(lines: Int, at moment: Timestamp) {
        if let last = runs.last, last.at == moment {
            runs[runs.count - 1].lines += lines
        } else {
            runs.append(Run(lines: lines, at: moment))
        }
    }

    /// The number of lines with a time.
    public var lineCount: Int { runs.reduce(0) { $0 + $1.lines } }

    /// The time of the line at `index` (from 0); the last known one where there are fewer times than lines.
    public func time(ofLine index: Int) -> Timestamp? {
        var before = 0
        for run in runs {
            before += run.lines
            if index < before { return run.at }
        }
        return runs.last?.at
    }

    /// The same times for exactly `lines` lines, never decreasing, none before `floor` and none after `ceiling`.
    ///
    /// Input is not trusted: surplus times are dropped, missing ones take the last known, else `floor`.
    public func normalised(
        lines: Int, notBefore floor: Timestamp, notAfter ceiling: Timestamp = Timestamp(milliseconds: .max)
    ) -> LineTimes {
        var result = LineTimes()
        var left = lines
        var latest = floor
        for run in runs where run.lines > 0 && left > 0 {
            latest = max(latest, min(run.at, ceiling))
            let taken = min(left, run.lines)
            result.append(lines: taken, at: latest)
            left -= taken
        }
        if left > 0 { result.append(lines: left, at: latest) }
        return result.coarsened(to: Self.maxRuns)
    }

    /// The maximum number of runs in a stored chunk: its times stay small beside its text, whatever was sent.
    public static let maxRuns = 4096

    /// The same lines in at most `bound` runs: neighbours share the time of the first of them.
    private func coarsened(to bound: Int) -> LineTimes {
        guard runs.count > bound else { return self }
        let group = (runs.count + bound - 1) / bound
        return LineTimes(
            stride(from: 0, to: runs.count, by: group).map { start in
                let members = runs[start..<min(start + group, runs.count)]
                return Run(lines: members.reduce(0) { $0 + $1.lines }, at: runs[start].at)
            })
    }
}

extension LineTimes {
    /// Walks the times line by line, in constant time a step.
    struct Cursor {
        private let runs: [Run]
        private var run = 0
        private var taken = 0
        private var last: Timestamp

        init(_ times: LineTimes, fallback: Timestamp) {
            runs = times.runs
            last = times.runs.first?.at ?? fallback
        }

        mutating func next() -> Timestamp {
            while run < runs.count, taken >= runs[run].lines {
                run += 1
                taken = 0
            }
            if run < runs.count {
                last = runs[run].at
                taken += 1
            }
            return last
        }
    }
}

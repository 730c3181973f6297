import Domain
import Testing

/// Every consistent state × every event, against an independent table.
@Suite struct JobLifecycleTests {
    static let worker = TendrilID(randomBytes: [UInt8](repeating: 1, count: 16))
    static let other = TendrilID(randomBytes: [UInt8](repeating: 2, count: 16))

    enum Expected: Equatable {
        case becomes(JobStatus, EngineState)
        case stays
        /// Unchanged, and offered to Tendrils again.
        case isOffered
        case refused(Refusal.Kind)
    }

    /// All states that ``JobState/isConsistent`` allows, with epoch 3 where there was a claim.
    static let states: [JobState] = {
        var states: [JobState] = []
        for status in JobStatus.allCases {
            for engine in EngineState.allCases {
                for log in [LogState.open, .complete, .incomplete(reason: "gap")] {
                    for (worker, epoch) in [(nil, 0), (nil, 3), (worker, 3)] as [(TendrilID?, Int)] {
                        for (held, forced) in [(false, false), (true, false), (false, true)] {
                            let state = JobState(
                                status: status, engine: engine, log: log, worker: worker, epoch: epoch,
                                leaseHeld: held, isForced: forced)
                            if state.isConsistent { states.append(state) }
                        }
                    }
                }
            }
        }
        return states
    }()

    static let events: [JobEvent] = [
        .claim(by: worker), .start(epoch: 3), .start(epoch: 2), .succeed(epoch: 3, artifactStored: true),
        .succeed(epoch: 3, artifactStored: false), .succeed(epoch: 2, artifactStored: true),
        .fail(epoch: 3, engineKnown: true), .fail(epoch: 3, engineKnown: false), .fail(epoch: 4, engineKnown: true),
        .cancel, .assign, .forceCancel, .loseLease(epoch: 3), .loseLease(epoch: 2), .giveUp(epoch: 3),
        .giveUp(epoch: 2),
        .engineEnded(epoch: 3, known: true), .engineEnded(epoch: 3, known: false), .engineEnded(epoch: 2, known: true),
        .closeLog(epoch: 3, .complete), .closeLog(epoch: 3, .incomplete(reason: "gap")), .closeLog(epoch: 3, .open),
        .closeLog(epoch: 2, .complete),
    ]

    /// The expected transitions.
    static func expected(_ event: JobEvent, on state: JobState, type: JobType) -> Expected {
        let isCurrent = state.worker != nil && state.epoch == 3
        switch event {
        case .claim:
            return state.status == .queued ? .becomes(.claimed, .none) : .refused(.conflict)
        case .start(let epoch):
            guard isCurrent, epoch == 3 else { return .refused(.leaseLost) }
            switch state.status {
            case .claimed: return .becomes(.processing, .running)
            case .processing: return .stays
            case .cancelled: return .refused(.conflict)
            default: return .refused(.leaseLost)
            }
        case .succeed(let epoch, let artifactStored):
            guard isCurrent, epoch == 3 else { return .refused(.leaseLost) }
            switch (state.status, state.engine) {
            case (.processing, _):
                return type != .plan || artifactStored ? .becomes(.success, .gone) : .refused(.conflict)
            case (.success, .gone): return .stays
            case (.failed, _): return .refused(.leaseLost)
            default: return .refused(.conflict)
            }
        case .fail(let epoch, let engineKnown):
            guard isCurrent, epoch == 3 else { return .refused(.leaseLost) }
            let engine: EngineState = engineKnown ? .gone : .unknown
            switch (state.status, state.engine) {
            case (.processing, _): return .becomes(.failed, engine)
            case (.failed, engine): return .stays
            case (.failed, _): return .refused(.leaseLost)
            default: return .refused(.conflict)
            }
        case .cancel:
            switch state.status {
            case .queued, .claimed: return .becomes(.cancelled, .none)
            case .processing: return .becomes(.cancelled, .stopping)
            case .cancelled: return .stays
            case .success, .failed: return .refused(.conflict)
            }
        case .assign:
            return state.status == .queued ? .isOffered : .refused(.conflict)
        case .forceCancel:
            guard state.status == .cancelled else { return .refused(.conflict) }
            if state.isForced { return .stays }
            return state.engine == .stopping && state.worker != nil
                ? .becomes(.cancelled, .stopping) : .refused(.conflict)
        case .loseLease(let epoch):
            guard isCurrent, epoch == 3 else { return .refused(.leaseLost) }
            switch state.status {
            case .claimed: return .becomes(.queued, .none)
            case .processing, .cancelled: return .refused(.conflict)
            default: return .refused(.leaseLost)
            }
        case .giveUp(let epoch):
            guard isCurrent, epoch == 3 else { return .refused(.leaseLost) }
            switch (state.status, state.engine) {
            case (.processing, _): return .becomes(.failed, .unknown)
            case (.cancelled, .stopping): return .becomes(.cancelled, .unknown)
            default: return .refused(.conflict)
            }
        case .engineEnded(let epoch, let known):
            guard isCurrent, epoch == 3 else { return .refused(.leaseLost) }
            guard state.status.isTerminal, state.engine != .none else { return .refused(.conflict) }
            if state.engine == .gone || (state.engine == .unknown && !known) { return .stays }
            return .becomes(state.status, known ? .gone : .unknown)
        case .closeLog(let epoch, let log):
            guard isCurrent, epoch == 3 else { return .refused(.leaseLost) }
            if log == .open { return .refused(.invalid) }
            if state.log == log || (state.log == .complete && state.status.isTerminal) { return .stays }
            let isOver = state.status.isTerminal && state.engine != .running && state.engine != .stopping
            return isOver ? .becomes(state.status, state.engine) : .refused(.conflict)
        }
    }

    @Test(arguments: JobType.allCases)
    func allTransitionsMatchTheTable(type: JobType) {
        #expect(Self.states.count > 20)
        for state in Self.states {
            for event in Self.events {
                let expected = Self.expected(event, on: state, type: type)
                let what = "\(event) on \(state) of a \(type)"
                do throws(Refusal) {
                    let transition = try JobLifecycle.decide(event, on: state, type: type)
                    let next = transition.state
                    #expect(next.isConsistent, "\(what) leads to \(next)")
                    #expect(next.epoch >= state.epoch)
                    if expected == .isOffered {
                        #expect(next == state && transition.action == .notifyQueue && transition.isChange, "\(what)")
                    } else if transition.isChange {
                        #expect(expected == .becomes(next.status, next.engine), "\(what)")
                        #expect(next != state, "\(what)")
                    } else {
                        #expect(expected == .stays, "\(what)")
                        #expect(next == state && transition.action == .none, "\(what)")
                    }
                } catch {
                    #expect(expected == .refused(error.kind), "\(what): \(error.reason)")
                    #expect(error.reason.hasSuffix("."), "a refusal is a sentence")
                }
            }
        }
    }

    @Test func aTerminalStatusNeverChanges() {
        for state in Self.states where state.status.isTerminal {
            for event in Self.events {
                guard let next = try? JobLifecycle.decide(event, on: state, type: .plan).state else { continue }
                #expect(next.status == state.status)
            }
        }
    }

    @Test func aStartedJobNeverMovesToAnotherTendril() {
        for state in Self.states where state.status == .processing || state.engine != .none {
            for event in Self.events + [.claim(by: Self.other)] {
                guard let next = try? JobLifecycle.decide(event, on: state, type: .deploy).state else { continue }
                #expect(next.worker == state.worker && next.epoch == state.epoch)
            }
        }
    }

    @Test func everyClaimGetsAHigherEpoch() throws {
        var state = JobState()
        for epoch in 1...3 {
            let claim = try JobLifecycle.decide(.claim(by: Self.worker), on: state, type: .plan)
            #expect(claim.action == .grant(epoch: epoch))
            let lost = try JobLifecycle.decide(.loseLease(epoch: epoch), on: claim.state, type: .plan)
            #expect(lost.action == .notifyQueue)
            state = lost.state
        }
    }

    @Test func forceRequiresCancelAndIsIdempotent() throws {
        let stopping = JobState(status: .cancelled, engine: .stopping, worker: Self.worker, epoch: 1)
        let forced = try JobLifecycle.decide(.forceCancel, on: stopping, type: .deploy)
        #expect(forced.action == .forceStop(worker: Self.worker) && forced.state.isForced)
        #expect(try JobLifecycle.decide(.forceCancel, on: forced.state, type: .deploy).isChange == false)
        let gone = try JobLifecycle.decide(.engineEnded(epoch: 1, known: true), on: forced.state, type: .deploy)
        #expect(gone.state.isForced && gone.state.engine == .gone)
    }

    @Test func cancelStopsTheEngine() throws {
        let running = JobState(status: .processing, engine: .running, worker: Self.worker, epoch: 1, leaseHeld: true)
        #expect(try JobLifecycle.decide(.cancel, on: running, type: .deploy).action == .stopEngine(worker: Self.worker))
    }
}

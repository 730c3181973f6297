import Domain
import Storage
import Testing

/// Making, finding and listing jobs.
@Suite struct JobTests {
    @Test(arguments: StoreEngine.all) func storesEveryField(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            let tendril = try await bench.tendril()
            let first = try await bench.job(of: vine)
            var job = bench.draft(
                .destroy, of: vine, rerunOf: first.id, assignedTo: tendril.id,
                requirement: EngineRequirement(name: .tofu, version: "1.9", platform: "linux_arm64", runRoot: "/r"))
            job.snapshot.resolvedCommit = "abc123"
            job.metadata = ["cost": ["total": 12], "label": "ü \u{0} \"q\""]
            let secrets = VineSecrets(variables: ["password": "s3cret-value"], environment: ["TOKEN": "t0ken-value"])
            try await bench.store.createJob(job, secrets: secrets, systemLines: [])
            #expect(try await bench.store.job(job.id) == job)
            #expect(try await bench.store.secrets(of: job.id) == secrets)
            #expect(try await bench.store.secrets(of: first.id).isEmpty)
        }
    }

    @Test(arguments: StoreEngine.all) func unknownIDsReturnNil(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let unknown = try await bench.store.job(StoreFixture.newID())
            #expect(unknown == nil)
            #expect(try await bench.store.planFacts(StoreFixture.newID()) == nil)
            #expect(try await bench.store.reruns(of: StoreFixture.newID()).isEmpty)
            await expectRefusal(.notFound) { _ = try await bench.store.secrets(of: StoreFixture.newID()) }
        }
    }

    @Test(arguments: StoreEngine.all) func rejectsDanglingReferences(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            let gone = try await bench.vine()
            try await bench.store.deleteVine(gone.id, at: StoreFixture.at(1))
            var noVine = bench.draft(of: vine)
            noVine.vine = StoreFixture.newID()
            let refused = [
                noVine, bench.draft(of: gone), bench.draft(.deploy, of: vine, plan: StoreFixture.newID()),
                bench.draft(of: vine, rerunOf: StoreFixture.newID()),
                bench.draft(of: vine, assignedTo: StoreFixture.newID()),
            ]
            for job in refused {
                await expectRefusal(.notFound) {
                    try await bench.store.createJob(job, secrets: VineSecrets(), systemLines: [])
                }
                #expect(try await bench.store.job(job.id) == nil)
            }
        }
    }

    @Test(arguments: StoreEngine.all) func rejectsJobsThatAreNotNew(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            let job = try await bench.job(of: vine)
            await expectRefusal(.conflict) {
                try await bench.store.createJob(job, secrets: VineSecrets(), systemLines: [])
            }
            let planless = bench.draft(.deploy, of: vine)
            await expectRefusal(.invalid) {
                try await bench.store.createJob(planless, secrets: VineSecrets(), systemLines: [])
            }
            var claimed = bench.draft(of: vine)
            claimed.state.epoch = 1
            await expectRefusal(.invalid) { [claimed] in
                try await bench.store.createJob(claimed, secrets: VineSecrets(), systemLines: [])
            }
            let plan = try await bench.plan(of: bench.vine())
            let stolen = bench.draft(.deploy, of: vine, plan: plan.id)
            await expectRefusal(.invalid) {
                try await bench.store.createJob(stolen, secrets: VineSecrets(), systemLines: [])
            }
        }
    }

    @Test(arguments: StoreEngine.all) func allowsOneDeployPerPlan(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            let plan = try await bench.plan(of: vine)
            func refuseAnother(naming first: Job) async {
                let another = bench.draft(.deploy, of: vine, plan: plan.id)
                await expectRefusal(.conflict, saying: first.id.rawValue) {
                    try await bench.store.createJob(another, secrets: VineSecrets(), systemLines: [])
                }
            }
            let waiting = try await bench.job(.deploy, of: vine, plan: plan.id)
            await refuseAnother(naming: waiting)
            try await bench.change(waiting.id, .cancel)
            // Cancelled before it began, it did nothing with the plan.
            let begun = try await bench.running(.deploy, of: vine, plan: plan.id)
            await refuseAnother(naming: begun)
            try await bench.change(begun.id, .cancel)
            await refuseAnother(naming: begun)
            try await bench.change(begun.id, .engineEnded(epoch: 1, known: true))
            await refuseAnother(naming: begun)
        }
    }

    @Test(arguments: StoreEngine.all) func deployNeedsWhatItsPlanRanWith(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            let plan = try await bench.plan(of: vine)
            _ = try await bench.store.change(
                plan.id, [], facts: JobFields(engine: StoreFixture.terraform, runRoot: "/srv/runs"),
                at: StoreFixture.at(6))
            let deploy = try await bench.job(.deploy, of: vine, plan: plan.id)
            let wanted = EngineRequirement(
                name: .terraform, version: "1.15.5", platform: "linux_amd64", runRoot: "/srv/runs")
            #expect(try await bench.store.job(deploy.id)?.requirement == wanted)
            #expect(try await bench.store.job(plan.id)?.requirement == EngineRequirement())
        }
    }

    @Test(arguments: StoreEngine.all) func listsPagesNewestFirst(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            var made: [Job] = []
            // Three a second: the id must decide among them.
            for index in 0..<11 { made.append(try await bench.job(of: vine, at: Int64(index / 3))) }
            made.sort { ($0.createdAt, $0.id.rawValue) > ($1.createdAt, $1.id.rawValue) }
            var seen: [JobID] = []
            var cursor: String?
            var pages = 0
            repeat {
                let page = try await bench.store.jobs(JobQuery(), limit: 4, cursor: cursor)
                seen += page.items.map(\.id)
                cursor = page.next
                pages += 1
                // What is new meanwhile is not in older pages.
                _ = try await bench.job(of: vine, at: 100)
            } while cursor != nil && pages < 9
            #expect(seen == made.map(\.id))
            #expect(pages == 3)
        }
    }

    @Test(arguments: StoreEngine.all) func exactlyFullPageIsLast(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            for index in 0..<3 { _ = try await bench.job(of: vine, at: Int64(index)) }
            let page = try await bench.store.jobs(JobQuery(), limit: 3, cursor: nil)
            #expect(page.items.count == 3)
            #expect(page.next == nil)
        }
    }

    @Test(arguments: StoreEngine.all, ["", "x", "1_2", "9", "_", "1_\(StoreFixture.newID(Job.self))_", "1_ABC"])
    func refusesABadCursor(_ engine: StoreEngine, _ cursor: String) async throws {
        try await engine.run { bench in
            await expectRefusal(.invalid) { _ = try await bench.store.jobs(JobQuery(), limit: 3, cursor: cursor) }
            await expectRefusal(.invalid) { _ = try await bench.store.vines(text: nil, limit: 3, cursor: cursor) }
        }
    }

    @Test(arguments: StoreEngine.all) func filters(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let (shop, bank) = (
                try await bench.vine(project: "Shöp", stage: "prod"),
                try await bench.vine(project: "bank", stage: "10%")
            )
            let green = try await bench.tendril("Grün-1")
            let queued = try await bench.job(of: shop, at: 1)
            let assigned = try await bench.job(.destroy, of: bank, assignedTo: green.id, at: 2)
            let ended = try await bench.ended(of: bank)
            func found(_ query: JobQuery) async throws -> Set<JobID> {
                Set(try await bench.store.jobs(query, limit: 10, cursor: nil).items.map(\.id))
            }
            #expect(try await found(JobQuery()) == [queued.id, assigned.id, ended.id])
            #expect(try await found(JobQuery(status: .queued)) == [queued.id, assigned.id])
            #expect(try await found(JobQuery(type: .destroy)) == [assigned.id])
            #expect(try await found(JobQuery(vine: bank.id)) == [assigned.id, ended.id])
            #expect(try await found(JobQuery(worker: green.id)) == [assigned.id])
            #expect(try await found(JobQuery(worker: ended.state.worker)) == [ended.id])
            #expect(try await found(JobQuery(status: .failed, vine: shop.id)) == [])
            #expect(try await found(JobQuery(text: "SHÖ")) == [queued.id])
            #expect(try await found(JobQuery(text: "Prod")) == [queued.id])
            #expect(try await found(JobQuery(text: "grÜN")) == [assigned.id])
            #expect(try await found(JobQuery(text: "%")) == [assigned.id, ended.id])
            #expect(try await found(JobQuery(text: "_")) == [])
            #expect(try await found(JobQuery(text: queued.id.short.uppercased())) == [queued.id])
            #expect(try await found(JobQuery(text: String(queued.id.rawValue.dropFirst(4)))) == [])
        }
    }

    @Test(arguments: StoreEngine.all) func findsRerunsInOrder(_ engine: StoreEngine) async throws {
        try await engine.run { bench in
            let vine = try await bench.vine()
            let first = try await bench.job(of: vine)
            let late = try await bench.job(of: vine, rerunOf: first.id, at: 30)
            let early = try await bench.job(of: vine, rerunOf: first.id, at: 20)
            #expect(try await bench.store.reruns(of: first.id) == [early.id, late.id])
            #expect(try await bench.store.reruns(of: late.id).isEmpty)
        }
    }
}

internal import Domain
internal import Storage
internal import Wire

/// `/api/jobs`, as users call it.
struct JobRoutes: Sendable {
    var service: JobService
    var records: JobResponses

    func add(to api: APIRouter) {
        api.on(JobEndpoints.create) { call, message in
            if let identity = message.identityId { try await call.require(.vinesRead, on: .identity(identity)) }
            let isPlan = message.jobType == .plan || message.jobType == .connectionTest && message.phase == .plan
            try await call.require(isPlan ? .jobsPlan : .jobsApply, on: .vine(service.vine(of: message)))
            if message.jobType == .deploy, let plan = message.planJobId {
                try await call.require(.jobsRead, on: .job(plan))
            }
            return try await records.record(service.create(message, by: call.audit))
        }
        api.on(JobEndpoints.list, use: list)
        api.on(JobEndpoints.show) { call in try await records.record(service.find(call.path)) }
        // nil means any Tendril.
        api.on(JobEndpoints.assign) { call, message in
            if try await service.find(call.path).needsApply {
                try await call.require(.jobsApply, on: .job(call.path))
            }
            return try await records.record(service.assign(call.path, to: message.assignedWorkerId, by: call.audit))
        }
        api.on(JobEndpoints.status) { call in
            guard let found = try await service.store.status(of: call.path) else { throw Refusal.notFound("job") }
            var response = JobStatusResponse(status: found.status, errorMessage: found.errorMessage)
            if found.status == .processing, let progress = try await service.store.progress(of: [call.path])[call.path]
            {
                response.add(progress, at: records.ambient.now())
            }
            return response
        }
        api.on(JobEndpoints.applyCheck) { call in try await service.applyCheck(service.find(call.path)) }
        api.on(JobEndpoints.cancel) { call in
            try await records.record(service.cancel(call.path, by: call.audit))
        }
        api.on(JobEndpoints.forceCancel) { call in
            try await records.record(service.forceCancel(call.path, by: call.audit))
        }
        api.on(JobEndpoints.giveUp) { call in
            try await records.record(service.giveUp(call.path, by: call.audit))
        }
        api.on(JobEndpoints.apply) { call, message in
            try await records.record(service.apply(call.path, to: message.assignedWorkerId, by: call.audit))
        }
        api.on(JobEndpoints.rerun) { call in
            let old = try await service.find(call.path)
            let policy = try await service.rerunPolicy(of: old)
            if policy == .connectionTest ? old.needsApply : policy.type != .plan {
                try await call.require(.jobsApply, on: .job(call.path))
            }
            return try await records.record(service.rerun(call.path, by: call.audit))
        }
        api.on(JobEndpoints.forecasts) { call in
            let (asked, visible) = (try call.query(JobEndpoints.List.vine), call.rights.visible(.jobsRead))
            var vines = asked.map { Set([$0]) }
            if !visible.isAll {
                let seen = try await service.store.vines(in: visible)
                vines = vines?.intersection(seen) ?? seen
            }
            return try await ForecastAccuracyResponse(
                service.store.forecastResults(of: vines, limit: ForecastAccuracy.jobs))
        }
        api.on(JobEndpoints.resources) { call in
            try await service.resources(of: call.path, since: call.query(JobEndpoints.Resources.since) ?? 0)
        }
    }

    private func list(_ call: APICall<NoParameters>) async throws -> ListResponse<JobListItem> {
        var query = JobQuery()
        query.status = try call.query(JobEndpoints.List.status)
        query.type = try call.query(JobEndpoints.List.type)
        query.text = try call.query(JobEndpoints.List.text)
        query.vine = try call.query(JobEndpoints.List.vine)
        query.visible = call.rights.visible(.jobsRead)
        let page = try await service.store.jobs(
            query, limit: call.query(JobEndpoints.List.limit) ?? 50, cursor: call.query(JobEndpoints.List.cursor))
        let tendrils = try await service.store.tendrils()
        let names = Dictionary(tendrils.map { ($0.id, $0.name) }, uniquingKeysWith: { first, _ in first })
        let progress = try await records.progress(of: page.items)
        return ListResponse(
            items: page.items.map { records.row($0, names: names, progress: progress) }, nextCursor: page.next)
    }
}

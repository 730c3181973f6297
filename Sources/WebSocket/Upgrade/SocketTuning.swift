internal import NIOCore

extension Channel {
    /// Sets a socket up for a WebSocket: little memory while idle, and write watermarks that reflect the peer's reading.
    func tune(for limits: WebSocketLimits) {
        let options = syncOptions
        let marks = limits.writeBuffer
        try? options?.setOption(.writeBufferWaterMark, value: .init(low: marks.lowerBound, high: marks.upperBound))
        // The buffers are kept for the next read: one, and a small one, rather than up to four of 64 KiB.
        try? options?.setOption(
            .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 256, initial: 1024, maximum: 16 << 10))
        try? options?.setOption(.maxMessagesPerRead, value: 1)
        #if os(Linux)
            // TCP_NOTSENT_LOWAT: the kernel would take megabytes for a peer that does not read, and hide that from us.
            let notSentLowWater = ChannelOptions.Types.SocketOption(level: .tcp, name: .init(rawValue: 25))
            setOption(notSentLowWater, value: marks.upperBound).whenFailure { _ in }
        #endif
    }
}

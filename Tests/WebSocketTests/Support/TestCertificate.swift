/// A self-signed certificate for `localhost`, for tests of TLS only.
let testCertificate = """
    -----BEGIN CERTIFICATE-----
    MIIBfzCCASWgAwIBAgIUPCMbXas/DhCuadae/jtKCfD0wEgwCgYIKoZIzj0EAwIw
    FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMzIyMjIwNloYDzIxMjYxMDMw
    MjIyMjA2WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
    PQMBBwNCAASPSdViE22gjsGYKW7g5ZTdiDDUfXpn7csQ4kEtmPx4VOdgvZYs2mt6
    PGmCRGgOq1aovoCTSwj/+CVZMq2M0fo2o1MwUTAdBgNVHQ4EFgQUx/EgvFntJ+iE
    R4gFaJOSvvnxRK0wHwYDVR0jBBgwFoAUx/EgvFntJ+iER4gFaJOSvvnxRK0wDwYD
    VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiAiT1kpos9bEG2XBFuyTAVN
    P7JEdJALv+JhvNXETWpV1QIhAMZUjYr1HY4AzzIu8XrqKnFCOdMnGs75ZQWKviOG
    Jmzg
    -----END CERTIFICATE-----
    """

/// Its key.
let testKey = """
    -----BEGIN PRIVATE KEY-----
    MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgGd9GoP5yFNh2lciu
    Qc867UTvLFoZa4+qImcYKenboz+hRANCAASPSdViE22gjsGYKW7g5ZTdiDDUfXpn
    7csQ4kEtmPx4VOdgvZYs2mt6PGmCRGgOq1aovoCTSwj/+CVZMq2M0fo2
    -----END PRIVATE KEY-----
    """

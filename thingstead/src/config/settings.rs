//! The table of settings. Flags, environment variables, file keys, `thingstead config` and the reference page all come from it.

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The key in `thingstead.toml`; `--data-dir` and `THINGSTEAD_DATA_DIR` are derived from it.
    pub key: &'static str,
    /// The value when nobody says anything; empty for "off" or "none".
    pub default: &'static str,
    /// What a value looks like, for `--help`.
    pub value: &'static str,
    /// What it does, in one line.
    pub about: &'static str,
}

impl Setting {
    /// The flag without its dashes: `data-dir`.
    pub fn flag(&self) -> String {
        self.key.replace('_', "-")
    }

    /// The environment variable: `THINGSTEAD_DATA_DIR`.
    pub fn variable(&self) -> String {
        format!("THINGSTEAD_{}", self.key.to_uppercase())
    }

    /// The setting with that key.
    pub fn of(key: &str) -> Option<&'static Self> {
        SETTINGS.iter().find(|setting| setting.key == key)
    }
}

const fn setting(
    key: &'static str,
    default: &'static str,
    value: &'static str,
    about: &'static str,
) -> Setting {
    Setting { key, default, value, about }
}

/// Every setting, in the order they are shown.
pub const SETTINGS: &[Setting] = &[
    setting("mqtts_addr", "127.0.0.1:8883", "ADDR[,ADDR]", "MQTT over mutual TLS"),
    setting(
        "https_addr",
        "127.0.0.1:8443",
        "ADDR[,ADDR]",
        "the TLS port that stands for AWS's 443 and 8443: HTTPS data plane, MQTT by ALPN, MQTT over WebSocket",
    ),
    setting(
        "api_addr",
        "127.0.0.1:4566",
        "ADDR[,ADDR]",
        "AWS APIs, console, admin API, metrics; HTTP and TLS",
    ),
    setting(
        "mqtt_addr",
        "",
        "ADDR[,ADDR]",
        "plain MQTT without TLS for protocol test suites; off when empty",
    ),
    setting(
        "mqtt_policy",
        "",
        "NAME",
        "the IoT policy that judges clients of the plain listener; they may everything when empty",
    ),
    setting(
        "advertised_host",
        "localhost",
        "HOST",
        "what DescribeEndpoint answers; `*` echoes the caller's Host header, `{account}.HOST` puts the account id in front",
    ),
    setting("advertise_ports", "false", "BOOL", "append ports to advertised endpoints"),
    setting(
        "sni",
        "aws",
        "optional|aws|required",
        "who must send a host name in the TLS handshake: nobody; certificates without CA, of several accounts and unknown ones; \
         everybody, and only names of this server",
    ),
    setting("data_dir", "./thingstead-data", "DIR", "database, CA and endpoints.json"),
    setting("ephemeral", "false", "BOOL", "keep everything in memory; the CA is new at every start"),
    setting("seed", "", "PATH", "file or directory of resources to create at start"),
    setting("account", "000000000000", "ID", "the account of requests whose access key id names none"),
    setting("region", "us-east-1", "NAME", "the Region of requests that name none"),
    setting(
        "limits",
        "aws",
        "aws|relaxed",
        "sizes and counts as AWS has them, or lifted; protocol rules stay",
    ),
    setting(
        "session_expiry",
        "3600",
        "SECONDS",
        "how long a persistent session outlives its connection, and the most an MQTT 5 client may ask for; at most 604800",
    ),
    setting(
        "subscribe_denied",
        "reject",
        "reject|disconnect",
        "an MQTT 3.1.1 client that may not subscribe reads 0x80 in its SUBACK, or is disconnected",
    ),
    setting(
        "v3_qos2",
        "disconnect",
        "disconnect|ignore",
        "an MQTT 3.1.1 client that publishes with QoS 2 is disconnected, or its message ignored",
    ),
    setting(
        "overlapping_filters",
        "one",
        "one|each",
        "a client whose filters overlap gets one copy of a message, or one for each filter",
    ),
    setting(
        "version_numbers",
        "true",
        "BOOL",
        "lifecycle events carry `versionNumber`, which older consumers do not know",
    ),
    setting("throttles", "off", "off|aws", "rates per second as AWS has them"),
    setting("verify_signatures", "false", "BOOL", "check SigV4 signatures; off accepts any credentials"),
    setting(
        "access_keys",
        "",
        "ID:SECRET[,ID:SECRET]",
        "the keys whose signatures are accepted with verify_signatures",
    ),
    setting(
        "iam_policies",
        "",
        "DIR",
        "IAM policies: KEY.json governs the access key KEY; keys without one are administrators",
    ),
    setting(
        "cognito_identities",
        "",
        "FILE",
        "access keys of Amazon Cognito identities, and the policies of their roles; a JSON file",
    ),
    setting(
        "http_action_urls",
        "any",
        "any|aws",
        "where rule actions may send HTTP: anywhere, or https on 443 and 8443",
    ),
    setting(
        "http_destinations",
        "confirm",
        "confirm|auto",
        "whether receivers of rule actions confirm their destination, or have it ENABLED at once",
    ),
    setting(
        "lifecycle_events",
        "ordered",
        "ordered|disordered",
        "whether presence and subscription events come once and in order, or late and twice, as AWS warns they may",
    ),
    setting(
        "service_log",
        "",
        "FILE",
        "gets the entries of the AWS IoT service log, one JSON object a line; what is logged the API's logging options say",
    ),
    setting(
        "functions",
        "",
        "ARN=URL[,ARN=URL]",
        "plain HTTP functions that stand for Lambda functions, by ARN or name: authorizers and rules post the event there",
    ),
    setting("trust_ca", "", "FILE[,FILE]", "extra PEM roots for outgoing calls"),
    setting(
        "durability",
        "full",
        "full|relaxed",
        "sync every commit to disk, or let the system write when it likes",
    ),
    setting("shards", "0", "N", "threads that own connections; 0 takes one for each core"),
    setting("log", "info", "FILTER", "what is logged, in the form of RUST_LOG"),
    setting("log_format", "text", "text|json", "how it is logged"),
];

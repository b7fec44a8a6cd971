//! The words of a domain configuration.

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident => $text:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $text)] $variant,)*
        }

        impl $name {
            /// As the API spells it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    )*};
}

words! {
    /// Whether an endpoint takes connections (AUTH-017).
    DomainConfigurationStatus {
        /// It does.
        #[default]
        Enabled => "ENABLED",
        /// It refuses them.
        Disabled => "DISABLED",
    }
    /// Whose host name it is (API-336).
    DomainType {
        /// A default endpoint.
        #[default]
        Endpoint => "ENDPOINT",
        /// A name the service chose.
        AwsManaged => "AWS_MANAGED",
        /// A name of the owner's.
        CustomerManaged => "CUSTOMER_MANAGED",
    }
    /// Which service answers.
    ServiceType {
        /// MQTT and the data plane.
        #[default]
        Data => "DATA",
        /// The credentials provider.
        CredentialProvider => "CREDENTIAL_PROVIDER",
        /// Jobs.
        Jobs => "JOBS",
    }
    /// How clients of an endpoint authenticate (MQTT-008).
    AuthenticationType {
        /// A client certificate and a custom authorizer.
        CustomAuthX509 => "CUSTOM_AUTH_X509",
        /// A custom authorizer.
        CustomAuth => "CUSTOM_AUTH",
        /// A client certificate.
        AwsX509 => "AWS_X509",
        /// A signature.
        AwsSigv4 => "AWS_SIGV4",
        /// By port and ALPN.
        #[default]
        Default => "DEFAULT",
    }
    /// What clients of an endpoint speak (MQTT-008).
    ApplicationProtocol {
        /// MQTT over TLS.
        SecureMqtt => "SECURE_MQTT",
        /// MQTT over WebSocket.
        MqttWss => "MQTT_WSS",
        /// HTTPS.
        Https => "HTTPS",
        /// By port and ALPN.
        #[default]
        Default => "DEFAULT",
    }
    /// `tlsConfig.securityPolicy` (AUTH-273).
    SecurityPolicy {
        /// TLS 1.3.
        Tls13Only => "IoTSecurityPolicy_TLS13_1_3_2022_10",
        /// TLS 1.3 and 1.2.
        #[default]
        Tls13And12 => "IoTSecurityPolicy_TLS13_1_2_2022_10",
        /// TLS 1.2.
        Tls12Only => "IoTSecurityPolicy_TLS12_1_2_2022_10",
        /// TLS 1.2 and older on AWS; 1.2 here.
        Tls12Of2016 => "IoTSecurityPolicy_TLS12_1_0_2016_01",
        /// TLS 1.2 and older on AWS; 1.2 here.
        Tls12Of2015 => "IoTSecurityPolicy_TLS12_1_0_2015_01",
    }
}

impl AuthenticationType {
    /// Whether a client certificate is part of it.
    pub const fn needs_certificate(self) -> bool {
        matches!(self, Self::AwsX509 | Self::CustomAuthX509)
    }

    /// Whether a custom authorizer is part of it.
    pub const fn needs_authorizer(self) -> bool {
        matches!(self, Self::CustomAuth | Self::CustomAuthX509)
    }

    /// Whether clients may authenticate so and speak that (AUTH-011, MQTT-008).
    pub const fn goes_with(self, protocol: ApplicationProtocol) -> bool {
        use ApplicationProtocol as Speaks;
        matches!(
            (self, protocol),
            (Self::AwsX509 | Self::CustomAuthX509, Speaks::SecureMqtt | Speaks::Https)
                | (Self::AwsSigv4, Speaks::MqttWss | Speaks::Https)
                | (Self::CustomAuth, Speaks::SecureMqtt | Speaks::MqttWss | Speaks::Https)
                | (Self::Default, Speaks::Default)
        )
    }
}

impl SecurityPolicy {
    /// Every policy.
    pub const ALL: [Self; 5] =
        [Self::Tls13Only, Self::Tls13And12, Self::Tls12Only, Self::Tls12Of2016, Self::Tls12Of2015];

    /// The policy of an AWS name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.name() == name)
    }

    /// Whether TLS 1.3 is spoken.
    pub const fn speaks_tls13(self) -> bool {
        matches!(self, Self::Tls13Only | Self::Tls13And12)
    }

    /// Whether TLS 1.2 is spoken (AUTH-274).
    pub const fn speaks_tls12(self) -> bool {
        !matches!(self, Self::Tls13Only)
    }
}

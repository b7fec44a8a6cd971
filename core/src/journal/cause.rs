//! What events count as: whose fault a refusal is, and over which protocol it came. Metrics are counted by both
//! (MQTT-259).

use super::{Event, Kind};

macro_rules! causes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// Whose fault a refusal is. The names are the member `cause` of events in the admin API.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Cause { $($(#[$doc])* $variant,)* }

        impl Cause {
            /// Every cause.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in the admin API.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The cause of that name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

causes! {
    /// Nobody's: it went well.
    None = "none",
    /// A permission is missing.
    Authorization = "authorization",
    /// The permission to retain is missing.
    RetainAuthorization = "retain_authorization",
    /// The client asked for what cannot be.
    Client = "client",
    /// The server failed.
    Server = "server",
    /// A rate of the account was exceeded.
    Throttle = "throttle",
    /// The rate of CONNECTs with one client id was exceeded.
    ClientIdThrottle = "client_id_throttle",
    /// A rate of retained publishes was exceeded.
    RetainThrottle = "retain_throttle",
    /// The rate of publishes of one connection was exceeded.
    ConnectionThrottle = "connection_throttle",
    /// The rate of messages stored for offline sessions was exceeded.
    QueueThrottle = "queue_throttle",
}

/// How a client spoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Over MQTT, with or without WebSocket.
    Mqtt,
    /// Over HTTP.
    Http,
    /// Nobody did: the server itself.
    Inside,
}

impl Protocol {
    /// Every protocol.
    pub const ALL: &'static [Self] = &[Self::Mqtt, Self::Http, Self::Inside];
}

impl Event {
    /// Whose fault it is.
    pub fn cause(&self) -> Cause {
        if !self.kind.is_refusal() {
            return Cause::None;
        }
        if let Some(decision) = self.detail.decision() {
            return match &*decision.asked.action {
                "iot:RetainPublish" => Cause::RetainAuthorization,
                _ => Cause::Authorization,
            };
        }
        let told = self.detail.members().and_then(|members| members.get("cause")?.as_str());
        told.and_then(Cause::from_name).unwrap_or(Cause::Client)
    }

    /// How the client spoke that brought it about.
    pub fn protocol(&self) -> Protocol {
        match (&self.client, &self.principal, self.kind) {
            (Some(_), _, _) | (None, _, Kind::AuthenticationRefused | Kind::Queued) => Protocol::Mqtt,
            (None, Some(_), _) => Protocol::Http,
            (None, None, _) => Protocol::Inside,
        }
    }

    /// Says whose fault a refusal is, where no decision says it.
    #[must_use]
    pub fn caused_by(self, cause: Cause) -> Self {
        self.with("cause", cause.name())
    }
}

impl Kind {
    /// Whether something did not happen that somebody wanted.
    pub const fn is_refusal(self) -> bool {
        matches!(
            self,
            Self::AuthenticationRefused
                | Self::ConnectRefused
                | Self::Malformed
                | Self::PublishRefused
                | Self::SubscribeRefused
                | Self::UnsubscribeRefused
                | Self::DeliveryRefused
                | Self::Dropped
                | Self::ShadowRejected
                | Self::RequestRefused
        )
    }
}

/// How many events of a kind, with a cause, over a protocol there were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// What.
    pub kind: Kind,
    /// Whose fault.
    pub cause: Cause,
    /// How the client spoke.
    pub protocol: Protocol,
    /// How often since the start.
    pub count: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Scope, Timestamp};

    #[test]
    fn a_refusal_has_a_cause_and_a_success_has_none() {
        // MQTT-259
        let event = |kind| Event::new(&Scope::new("1", "r"), Timestamp::from_millis(5), kind);
        assert_eq!(event(Kind::Published).cause(), Cause::None);
        assert_eq!(event(Kind::PublishRefused).cause(), Cause::Client);
        let throttled = event(Kind::PublishRefused).caused_by(Cause::RetainThrottle);
        assert_eq!(throttled.cause(), Cause::RetainThrottle);
        assert_eq!(throttled.to_json()["cause"], "retain_throttle");
        for cause in Cause::ALL {
            assert_eq!(Cause::from_name(cause.name()), Some(*cause));
        }
        assert_eq!(event(Kind::Published).protocol(), Protocol::Inside);
        assert_eq!(event(Kind::Published).principal("p").protocol(), Protocol::Http);
        assert_eq!(event(Kind::Published).client(Some("c".into())).protocol(), Protocol::Mqtt);
    }
}

//! Floor 0 of Thingstead: the words everybody above uses.
//!
//! Names, ARNs, topics and filters, [`Scope`], messages, principals, [`Decision`]s, the [`Clock`], [`Ids`], the
//! [`Journal`], and the few traits ([`wiring`]) by which crates of one floor reach each other without knowing each other.
//!
//! Nothing here opens a socket or a file. Only [`clock`] reads the system clock and only [`ids`] draws randomness.

pub mod arn;
pub mod clock;
pub mod decision;
pub mod faults;
pub mod ids;
pub mod journal;
pub mod limits;
pub mod message;
pub mod names;
pub mod payloads;
pub mod prefetch;
pub mod principal;
pub mod scope;
pub mod sigv4;
pub mod topic;
pub mod wiring;

pub use arn::Arn;
pub use clock::{Clock, Timestamp};
pub use decision::{Decision, Outcome};
pub use ids::Ids;
pub use journal::{Event, Journal, Kind};
pub use limits::Limits;
pub use message::{Message, Origin, Properties, Publication, QoS};
pub use names::{CertificateId, ClientId, PolicyName, RuleName, ShadowName, ThingName};
pub use payloads::Payloads;
pub use principal::{PeerIdentity, Principal};
pub use scope::Scope;

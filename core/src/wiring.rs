//! The seams between crates of one floor. The binary joins them; nobody calls across a floor.
//!
//! A message's journey is one-way: the broker accepts a [`Publication`], hands it to at most one [`ReservedService`],
//! to the [`RuleSink`], and to subscribers. Services and rules answer through [`Bus::publish`], which starts a new journey.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::faults::FaultPlan;
use crate::journal::Record;
use crate::sigv4::Secret;
use crate::{Publication, Scope, Timestamp};

/// Where services, rules, the API and presence send messages. Implemented by the broker's router.
///
/// Everything that comes in here is permitted already: whoever calls has judged the publisher.
pub trait Bus: Send + Sync + 'static {
    /// Routes a message to subscribers, the retained store, reserved services and rules. Never blocks; callable from
    /// any thread. A publication to a Basic Ingest topic goes to that rule alone (MQTT-193).
    fn publish(&self, publication: Publication);

    /// Sends a message to one connected client only, whether it is subscribed or not (MQTT-190). `false` when that
    /// client is not connected.
    fn send_to(&self, client: &str, publication: Publication) -> bool;

    /// Leaves an errand for a thread that routes messages: the same one for the same `place`. Errands of a place are done in the
    /// order they were left, and what they publish is routed in that order. `true` when the thread learns of it by
    /// [`Bus::ring`], so that whoever leaves many wakes it once.
    fn leave(&self, _place: u64, errand: Box<dyn Errand>) -> bool {
        errand.run();
        false
    }

    /// Wakes the thread behind `place`.
    fn ring(&self, _place: u64) {}

    /// Whether the calling thread is the one behind `place`.
    fn is_at(&self, _place: u64) -> bool {
        true
    }
}

/// What is to be done on another thread.
pub trait Errand: Send {
    /// Told that its turn comes soon, as [`ReservedService::approach`].
    fn approach(&self) {}

    /// Does it.
    fn run(self: Box<Self>);
}

impl<F: FnOnce() + Send> Errand for F {
    fn run(self: Box<Self>) {
        self();
    }
}

/// A service behind reserved topics: shadows, jobs, provisioning.
pub trait ReservedService: Send + Sync + 'static {
    /// Whether a publish on `topic` is a request to this service. Called for every publish on `$aws/`; must be quick.
    fn claims(&self, topic: &str) -> bool;

    /// Told which requests come next, sixteen at most. What they are about may lie in memory where nobody was for long: a
    /// service can ask for all of it at once instead of waiting for one after the other. Nothing else shall happen.
    fn approach(&self, _requests: &mut dyn Iterator<Item = &Publication>) {}

    /// Takes a request. Must not block: answers go out through the [`Bus`], from this call or later.
    fn handle(&self, request: &Arc<Publication>) -> Handled;
}

/// How far a service has come with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handled {
    /// It is done.
    Done,
    /// A change is queued, quietly, in the store: whoever called wakes the store's writer at the end of the turn, and acknowledges
    /// the request when everything queued by then is durable.
    Storing,
}

/// The rules engine, seen from the router.
pub trait RuleSink: Send + Sync + 'static {
    /// Offers a publication to every rule whose filter matches. Called for each message, so the no-match path must be
    /// quick; must not block: actions run elsewhere.
    fn offer(&self, publication: &Publication);

    /// Runs one rule on a Basic Ingest publication, whose message still carries the full topic. `false` when the scope
    /// has no such rule or it is disabled (MQTT-196).
    fn basic_ingest(&self, rule: &str, publication: &Publication) -> bool;

    /// As [`Self::offer`], for who writes events down in bulk: what happens is added to `told`, in order, so that a message takes
    /// no lock of the journal of its own. Before anything goes on elsewhere, all that is in `told` has been written down.
    fn offer_and_tell(&self, publication: &Arc<Publication>, told: &mut Vec<Record>) {
        let _ = told;
        self.offer(publication);
    }

    /// As [`Self::basic_ingest`], telling as [`Self::offer_and_tell`].
    fn ingest_and_tell(&self, rule: &str, publication: &Arc<Publication>, told: &mut Vec<Record>) -> bool {
        let _ = told;
        self.basic_ingest(rule, publication)
    }
}

/// Told about changes of a scope's registry that open connections must follow. Implemented by the broker.
pub trait ConnectionControl: Send + Sync + 'static {
    /// Closes every connection that authenticated with this certificate (POLICY-480, POLICY-481).
    fn certificate_left_active(&self, scope: &Scope, certificate: &str);

    /// Ends every connection and forgets sessions, queues and retained messages of all scopes; for `reset`.
    fn reset(&self);
}

/// Makes faults on purpose. Implemented by the broker, asked by the admin API.
pub trait FaultControl: Send + Sync + 'static {
    /// The plan in force; without faults when there is none.
    fn faults(&self) -> FaultPlan;

    /// Puts a plan in force from the next packet on; counting begins anew.
    fn set_faults(&self, plan: FaultPlan);
}

/// Whoever keeps rows of the store in memory.
pub trait Reload: Send + Sync + 'static {
    /// The store's content was replaced (a snapshot restored, a reset): forget what is in memory and load again.
    ///
    /// # Errors
    /// The store cannot be read, as a sentence.
    fn reload(&self) -> Result<(), String>;
}

/// Functions that take a JSON event and answer JSON: AWS Lambda, or plain HTTP functions that stand for it. Custom authorizers
/// and client-certificate callbacks are such functions. Implemented by the rules crate, whose actions call them, too.
pub trait Functions: Send + Sync + 'static {
    /// Calls a function and waits for its answer.
    fn invoke(&self, invocation: Invocation) -> Invoked;
}

/// One call of a function.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// In whose name.
    pub scope: Scope,
    /// The function, mostly by its ARN.
    pub function: Arc<str>,
    /// Its event, JSON.
    pub event: Bytes,
    /// It has this long, in real time; a longer one failed.
    pub limit: Duration,
}

/// The answer to come: JSON, not looked at.
pub type Invoked = Pin<Box<dyn Future<Output = Result<Bytes, FunctionError>> + Send>>;

/// Why a function gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FunctionError {
    /// There is neither a Lambda endpoint nor a plain HTTP function of this name.
    #[error(
        "there is nobody to call for the function `{0}`: set AWS_ENDPOINT_URL_LAMBDA or AWS_ENDPOINT_URL, or give the function \
         a URL in the setting `functions`"
    )]
    NotConfigured(Arc<str>),
    /// It took longer than it may.
    #[error("the function did not answer within {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// It threw an error, answered a failure, or could not be reached; as a sentence.
    #[error("{0}")]
    Failed(String),
}

/// Assumes roles at a token service (STS). Implemented by whoever calls AWS services.
pub trait Roles: Send + Sync + 'static {
    /// Credentials for a session of a role; `None` where no token service is configured.
    fn assume(&self, wanted: AssumeRole) -> AssumedRole;
}

/// A session of a role that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssumeRole {
    /// Whose device asks.
    pub scope: Scope,
    /// The role.
    pub role_arn: String,
    /// How the session is called: 2 to 64 characters.
    pub session_name: String,
    /// How long it lasts: 900 to 43,200.
    pub duration_seconds: u32,
}

/// What comes of it; the reason as a sentence when there are no credentials.
pub type AssumedRole = Pin<Box<dyn Future<Output = Result<Option<SessionCredentials>, String>> + Send>>;

/// Temporary credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionCredentials {
    /// The access key id.
    pub access_key: String,
    /// The secret access key.
    pub secret: Secret,
    /// What has to come with each request.
    pub session_token: String,
    /// When they end.
    pub expires_at: Timestamp,
}

/// No token service at all.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTokenService;

impl Roles for NoTokenService {
    fn assume(&self, _wanted: AssumeRole) -> AssumedRole {
        Box::pin(std::future::ready(Ok(None)))
    }
}

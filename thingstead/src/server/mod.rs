//! The wiring: opens what the floors below offer, joins it, and closes it again.

mod api_port;
mod cognito;
mod endpoints;
mod error;
mod fleet;
mod identities;
mod lookups;
mod operations;
mod seed;
mod start;
mod telemetry;
mod tls;

use std::sync::Arc;

use parking_lot::RwLock;
use thingstead_broker::Broker;
use thingstead_console::{Endpoints, Operations, Refusal};
use thingstead_core::{Clock, Ids, Journal};
use thingstead_shadow::ShadowService;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use error::StartError;
pub use seed::SeedError;

use crate::Config;

/// What a caller may put in the place of the system's: for tests that embed the server.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The time.
    pub clock: Clock,
    /// Randomness and identifiers.
    pub ids: Ids,
    /// `AWS_…` variables, name and value: where rule actions go and with which credentials.
    pub variables: Vec<(String, String)>,
}

impl Default for Surroundings {
    /// The system's clock and randomness, and no AWS endpoints, so that nothing leaves the machine.
    fn default() -> Self {
        Self { clock: Clock::system(), ids: Ids::random(), variables: Vec::new() }
    }
}

/// A running server. Dropping it stops it without goodbyes; [`Server::stop`] says goodbye to clients first.
pub struct Server {
    endpoints: Arc<RwLock<Endpoints>>,
    ca_pem: Arc<str>,
    clock: Clock,
    journal: Journal,
    broker: Arc<Broker>,
    shadow: ShadowService,
    whole: Arc<operations::WholeServer>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Server {
    /// Opens the database, plants the seed and opens every listener. Must be called on a multi-threaded tokio runtime.
    ///
    /// # Errors
    /// One message that names what stands in the way; nothing is left open then.
    pub async fn start(config: Config, surroundings: Surroundings) -> Result<Self, StartError> {
        start::start(config, surroundings).await
    }

    /// The addresses that were bound.
    pub fn endpoints(&self) -> Endpoints {
        self.endpoints.read().clone()
    }

    /// The root certificate as PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The clock that everything in the server follows.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The account of what happened.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Back to the seeded state, as `POST /_thingstead/reset` goes there: connections closed, the CA kept.
    ///
    /// # Errors
    /// What the database says.
    pub async fn reset(&self) -> Result<(), Refusal> {
        self.whole.reset().await
    }

    /// Closes the listeners, tells every client goodbye, writes what is queued and ends the server's threads.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        self.broker.shutdown().await;
        if let Err(error) = self.shadow.save_history(usize::MAX).await {
            tracing::error!(%error, "the last versions of shadows were not saved");
        }
        for task in self.tasks {
            task.abort();
            let _ = task.await;
        }
        if let Err(error) = self.whole.rest().await {
            tracing::error!(%error, "some changes are beside the database only, from where the next start takes them");
        }
    }
}

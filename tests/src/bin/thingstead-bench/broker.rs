//! A broker under test: a process pinned to one core, and where it listens.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ClientConfig;

use crate::certificates::Certificates;
use crate::client::Client;
use crate::meter::now;
use crate::thingstead::Admin;
use crate::{Outcome, mosquitto, process, thingstead};

/// A running broker; dropping it kills it.
pub(crate) struct Broker {
    name: &'static str,
    start: Command,
    child: Child,
    plain: SocketAddr,
    mutual_tls: SocketAddr,
    tls: Arc<ClientConfig>,
    admin: Option<Admin>,
}

/// Which door clients use.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// TCP, anonymous.
    Plain,
    /// TLS 1.3 with a client certificate, permissions on.
    MutualTls,
}

impl Broker {
    pub(crate) async fn thingstead(
        program: &Path,
        directory: &Path,
        certificates: &Certificates,
    ) -> Outcome<Self> {
        let [plain, mutual_tls, https, api] = free_ports()?;
        let ports = thingstead::Ports { plain, mutual_tls, https, api };
        let mut start = pinned(program);
        thingstead::configure(&mut start, directory, &ports)?;
        let child = start.spawn()?;
        let (admin, root) = thingstead::prepare(&ports, certificates).await?;
        let tls = certificates.client_config(&root)?;
        Ok(Self {
            name: "thingstead",
            start,
            child,
            plain: local(ports.plain),
            mutual_tls: local(ports.mutual_tls),
            tls,
            admin: Some(admin),
        })
    }

    pub(crate) fn mosquitto(program: &Path, directory: &Path, certificates: &Certificates) -> Outcome<Self> {
        let [plain, mutual_tls] = free_ports()?;
        let mut start = pinned(program);
        mosquitto::configure(&mut start, directory, certificates, plain, mutual_tls)?;
        let child = start.spawn()?;
        let tls = certificates.client_config(&certificates.ca)?;
        let (plain, mutual_tls) = (local(plain), local(mutual_tls));
        Ok(Self { name: "mosquitto", start, child, plain, mutual_tls, tls, admin: None })
    }

    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    /// Whether it answers on the reserved topics of AWS IoT.
    pub(crate) fn serves_shadows(&self) -> bool {
        self.name == "thingstead"
    }

    /// Whether rules stand between publishers and subscribers.
    pub(crate) fn runs_rules(&self) -> bool {
        self.name == "thingstead"
    }

    /// Thingstead's API.
    pub(crate) fn admin(&self) -> Outcome<&Admin> {
        self.admin.as_ref().ok_or_else(|| format!("{} has no admin API", self.name).into())
    }

    /// A client over TCP whose session outlives its connection.
    pub(crate) async fn persistent(&self, client_id: &str) -> Outcome<Client> {
        let client = Client::persistent(self.plain, client_id).await;
        client.map_err(|error| format!("{}: client {client_id}: {error}", self.name).into())
    }

    /// A connected client.
    pub(crate) async fn connect(&self, door: Door, client_id: &str) -> Outcome<Client> {
        let client = match door {
            Door::Plain => Client::plain(self.plain, client_id).await,
            Door::MutualTls => Client::mutual_tls(self.mutual_tls, Arc::clone(&self.tls), client_id).await,
        };
        client.map_err(|error| format!("{}: client {client_id}: {error}", self.name).into())
    }

    /// User and system time so far.
    pub(crate) fn cpu_time(&self) -> Outcome<Duration> {
        process::cpu_time(self.child.id())
    }

    pub(crate) fn resident_kib(&self) -> Outcome<u64> {
        process::resident_kib(self.child.id())
    }

    /// Ends the process and starts it again on the same state; says when it was started.
    pub(crate) fn kill_and_spawn(&mut self) -> Outcome<Instant> {
        self.stop();
        let start = now();
        self.child = self.start.spawn()?;
        Ok(start)
    }

    /// A fresh process that accepts clients.
    pub(crate) async fn restart(&mut self) -> Outcome<()> {
        let _ = self.kill_and_spawn()?;
        self.first_client().await.map(drop)
    }

    /// Tries until a client is accepted, for ten seconds.
    pub(crate) async fn first_client(&mut self) -> Outcome<Client> {
        let start = now();
        while start.elapsed() < Duration::from_secs(10) {
            if let Ok(client) = self.connect(Door::MutualTls, "first").await {
                return Ok(client);
            }
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("{} ended with {status}", self.name).into());
            }
            // Nothing else is to be done meanwhile, and the runtime's timers are twenty times as coarse.
            std::thread::sleep(Duration::from_micros(100));
        }
        Err(format!("{} accepted no client within ten seconds", self.name).into())
    }

    fn stop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The program on core 0; the generator is pinned to core 1 by whoever starts it.
fn pinned(program: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", "0"]).arg(program).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Different ones, since all are held until the last is found.
fn free_ports<const N: usize>() -> Outcome<[u16; N]> {
    let held: [_; N] = std::array::from_fn(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
    let mut ports = [0; N];
    for (port, listener) in ports.iter_mut().zip(held) {
        *port = listener?.local_addr()?.port();
    }
    Ok(ports)
}

pub(crate) fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

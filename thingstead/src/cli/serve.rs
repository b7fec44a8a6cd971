//! `thingstead serve`: starts the server and waits for the end.

use std::io::Write;

use clap::ArgMatches;
use thingstead_console::Endpoints;
use thingstead_core::{Clock, Ids};
use tracing_subscriber::EnvFilter;

use super::{Failure, arguments};
use crate::config::{Config, Environment};
use crate::server::{Server, Surroundings};

/// Runs until SIGTERM or Ctrl-C.
pub(super) fn serve(
    matches: &ArgMatches,
    environment: Environment<'_>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let config = arguments::config(matches, environment)?;
    start_log(&config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("doors")
        .enable_all()
        .build()?;
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with("AWS_"))
        .collect();
    let surroundings = Surroundings { clock: Clock::system(), ids: Ids::random(), variables };
    runtime.block_on(async {
        let end = the_end()?;
        let server = Server::start(config.clone(), surroundings)
            .await
            .map_err(|error| Failure::new(error.to_string()))?;
        greet(&server.endpoints(), &config, out)?;
        end.await;
        server.stop().await;
        Ok(())
    })
}

/// Listens for the signals at once, so that an early one is not lost; the future waits for the first.
fn the_end() -> Result<impl Future<Output = ()>, Failure> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        Ok(async move {
            tokio::select! {
                _ = term.recv() => {}
                _ = int.recv() => {}
            }
        })
    }
    #[cfg(not(unix))]
    {
        Ok(async {
            let _ = tokio::signal::ctrl_c().await;
        })
    }
}

fn start_log(config: &Config) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&config.log)
        .map_err(|error| Failure::usage(format!("`log` is `{}`, which is no filter: {error}", config.log)))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A test that embeds several servers in one process sets its log up itself.
    let _ = if config.log_json { log.json().try_init() } else { log.with_target(false).try_init() };
    Ok(())
}

/// The endpoints, three commands to type, and the line that scripts wait for.
fn greet(endpoints: &Endpoints, config: &Config, out: &mut dyn Write) -> Result<(), Failure> {
    let shown = |addresses: &[std::net::SocketAddr]| {
        addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    let api = endpoints.api.first().map_or_else(|| "127.0.0.1:4566".to_owned(), ToString::to_string);
    let mqtts_port = endpoints.mqtts.first().map_or(8883, std::net::SocketAddr::port);
    writeln!(out, "MQTT over TLS      {}", shown(&endpoints.mqtts))?;
    writeln!(out, "HTTPS, WebSocket   {}", shown(&endpoints.https))?;
    writeln!(out, "AWS APIs, console  {}", shown(&endpoints.api))?;
    if !endpoints.mqtt.is_empty() {
        writeln!(out, "MQTT without TLS   {} (everybody is let in)", shown(&endpoints.mqtt))?;
    }
    let data = if config.ephemeral { "in memory".to_owned() } else { config.data_dir.display().to_string() };
    writeln!(out, "data               {data}")?;
    writeln!(out, "\nTry, in another terminal:\n")?;
    writeln!(out, "  aws iot list-things --endpoint-url http://{api}")?;
    writeln!(out, "  thingstead device create lamp-1")?;
    writeln!(
        out,
        "  mosquitto_sub -h localhost -p {mqtts_port} --cafile lamp-1/root-ca.pem --cert lamp-1/certificate.pem --key lamp-1/private.key -i lamp-1 -t 'lamp-1/#' -v"
    )?;
    writeln!(out, "\nthingstead ready")?;
    Ok(out.flush()?)
}

//! A small HTTP client for the running server's API port.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use clap::ArgMatches;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;

use super::{Failure, arguments};
use crate::config::{Config, Environment};

/// The API port of a running server.
pub(super) struct Client {
    authority: String,
    runtime: tokio::runtime::Runtime,
}

/// A status and a JSON body; a body that is not JSON comes as a JSON string.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Value,
}

impl Client {
    /// Finds the server: `--api`, `THINGSTEAD_API`, `endpoints.json` of the data directory, else the configured address.
    pub(super) fn find(matches: &ArgMatches, environment: Environment<'_>) -> Result<Self, Failure> {
        let given = matches.get_one::<String>("api").cloned().or_else(|| environment("THINGSTEAD_API"));
        let authority = match given {
            Some(url) => match url.strip_prefix("http://").unwrap_or(&url).trim_end_matches('/') {
                rest if rest.contains("://") || rest.is_empty() => {
                    return Err(Failure::usage(format!("`--api` is `{url}`, expected http://HOST:PORT")));
                }
                rest => rest.to_owned(),
            },
            None => {
                let config = arguments::config(matches, environment)?;
                advertised(&config.data_dir).unwrap_or_else(|| configured(&config))
            }
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { authority, runtime })
    }

    /// One call; an answer of any status is an answer.
    pub(super) fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, Failure> {
        self.send(method, path, None, body)
    }

    /// One call without a body and with one more header, that must succeed.
    pub(super) fn must_with_header(
        &self,
        method: Method,
        path: &str,
        header: (&str, &str),
    ) -> Result<(), Failure> {
        let answer = self.send(method, path, Some(header), None)?;
        if answer.status.is_success() { Ok(()) } else { Err(refused(&answer)) }
    }

    fn send(
        &self,
        method: Method,
        path: &str,
        header: Option<(&str, &str)>,
        body: Option<&Value>,
    ) -> Result<Answer, Failure> {
        self.runtime.block_on(async {
            let call = self.exchange(method, path, header, body);
            match tokio::time::timeout(Duration::from_secs(60), call).await {
                Ok(Ok(answer)) => Ok(answer),
                Ok(Err(reason)) => Err(self.unreachable(&reason)),
                Err(_) => Err(self.unreachable("no answer within 60 seconds")),
            }
        })
    }

    /// One call that must succeed.
    pub(super) fn must(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        let answer = self.call(method, path, body)?;
        if answer.status.is_success() {
            return Ok(answer.body);
        }
        Err(refused(&answer))
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        header: Option<(&str, &str)>,
        body: Option<&Value>,
    ) -> Result<Answer, String> {
        let stream =
            tokio::net::TcpStream::connect(&self.authority).await.map_err(|error| error.to_string())?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| error.to_string())?;
        let driver = tokio::spawn(connection);
        let bytes = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", &self.authority)
            .header("content-type", "application/json");
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(bytes)).map_err(|error| error.to_string())?;
        let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
        let status = response.status();
        let bytes = response.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
        driver.abort();
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        Ok(Answer { status, body })
    }

    fn unreachable(&self, reason: &str) -> Failure {
        Failure::new(format!(
            "no server answers at http://{}: {reason}; start one with `thingstead`, or name it with `--api URL`",
            self.authority
        ))
    }
}

/// A refusal in the server's words, of our admin API or of an AWS API.
pub(super) fn refused(answer: &Answer) -> Failure {
    let words = ["error", "message", "Message"].iter().find_map(|name| answer.body.get(name)?.as_str());
    Failure::new(match words {
        Some(words) => words.to_owned(),
        None => format!("the server answered {}: {}", answer.status, answer.body),
    })
}

fn advertised(data_dir: &Path) -> Option<String> {
    let text = std::fs::read_to_string(data_dir.join("endpoints.json")).ok()?;
    let endpoints: Value = serde_json::from_str(&text).ok()?;
    Some(reachable(endpoints.get("api")?.as_str()?))
}

fn configured(config: &Config) -> String {
    config
        .api_addr
        .first()
        .map_or_else(|| "127.0.0.1:4566".to_owned(), |address| reachable(&address.to_string()))
}

/// A server bound to every address is asked at the loopback address.
fn reachable(address: &str) -> String {
    address.replace("0.0.0.0:", "127.0.0.1:").replace("[::]:", "[::1]:")
}

//! One connection to one broker: TCP, TLS, SASL, then requests one after the other.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use thingstead_core::Ids;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::requests::{self, Api};
use super::sasl::{self, Scram};
use super::{KafkaError, tls};

/// How a connection is protected.
#[derive(Clone, Default)]
pub(crate) struct Security {
    /// `None`: plain TCP.
    pub(crate) tls: Option<Arc<rustls::ClientConfig>>,
    /// `None`: TLS alone, or nothing, says who we are.
    pub(crate) sasl: Option<Sasl>,
}

/// Who we are, and how it is proven.
#[derive(Clone)]
pub(crate) enum Sasl {
    Plain {
        user: String,
        password: String,
    },
    /// The ids make the nonces, one for each connection.
    ScramSha512 {
        user: String,
        password: String,
        ids: Ids,
    },
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

pub(super) struct Connection {
    server: String,
    stream: Box<dyn Stream>,
    correlation: i32,
}

impl Connection {
    /// Connects, all within [`LIMIT`].
    pub(super) async fn open(server: &str, security: &Security) -> Result<Self, KafkaError> {
        limited(server, Self::open_unlimited(server, security)).await
    }

    async fn open_unlimited(server: &str, security: &Security) -> Result<Self, KafkaError> {
        let stream = TcpStream::connect(server).await.map_err(|error| KafkaError::NotConnected {
            server: server.to_owned(),
            why: error.to_string(),
        })?;
        // Every request is written at once; without this it would wait for the answer to the last one.
        drop(stream.set_nodelay(true));
        let stream: Box<dyn Stream> = match &security.tls {
            None => Box::new(stream),
            Some(config) => {
                let failed = |why: String| KafkaError::Tls { server: server.to_owned(), why };
                let name = ServerName::try_from(tls::host(server).to_owned())
                    .map_err(|error| failed(error.to_string()))?;
                let connector = tokio_rustls::TlsConnector::from(Arc::clone(config));
                Box::new(connector.connect(name, stream).await.map_err(|error| failed(error.to_string()))?)
            }
        };
        let mut connection = Self { server: server.to_owned(), stream, correlation: 0 };
        if let Some(sasl) = &security.sasl {
            connection.authenticate(sasl).await?;
        }
        Ok(connection)
    }

    /// Sends a request and reads its answer.
    pub(super) async fn call(&mut self, api: Api, body: &[u8]) -> Result<Vec<u8>, KafkaError> {
        let server = self.server.clone();
        limited(&server, async {
            self.write(api, body).await?;
            self.read().await
        })
        .await
    }

    /// Sends a request that has no answer.
    pub(super) async fn tell(&mut self, api: Api, body: &[u8]) -> Result<(), KafkaError> {
        let server = self.server.clone();
        limited(&server, self.write(api, body)).await
    }

    pub(super) fn read_with<T>(&self, answer: Result<T, super::wire::Malformed>) -> Result<T, KafkaError> {
        answer.map_err(|why| KafkaError::Unreadable { server: self.server.clone(), why })
    }

    async fn write(&mut self, api: Api, body: &[u8]) -> Result<(), KafkaError> {
        self.correlation = self.correlation.wrapping_add(1);
        let frame = requests::frame(api, self.correlation, body);
        let written = async {
            self.stream.write_all(&frame).await?;
            self.stream.flush().await
        };
        written.await.map_err(|error| self.lost(&error))
    }

    async fn read(&mut self) -> Result<Vec<u8>, KafkaError> {
        let unreadable = |why| KafkaError::Unreadable { server: self.server.clone(), why };
        let length = match self.stream.read_i32().await {
            Ok(length) => usize::try_from(length).ok().filter(|length| (4..=MAX_ANSWER).contains(length)),
            Err(error) => return Err(self.lost(&error)),
        };
        let length =
            length.ok_or_else(|| unreadable(super::wire::Malformed("its length is not plausible")))?;
        let mut answer = vec![0; length];
        if let Err(error) = self.stream.read_exact(&mut answer).await {
            return Err(self.lost(&error));
        }
        let rest = answer.split_off(4);
        if answer != self.correlation.to_be_bytes() {
            return Err(unreadable(super::wire::Malformed("it belongs to another request")));
        }
        Ok(rest)
    }

    /// With client certificates refused late, TLS 1.3 says so only when the first answer is read.
    fn lost(&self, error: &std::io::Error) -> KafkaError {
        match error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) {
            true => KafkaError::Tls { server: self.server.clone(), why: error.to_string() },
            false => KafkaError::Closed(self.server.clone()),
        }
    }

    async fn authenticate(&mut self, sasl: &Sasl) -> Result<(), KafkaError> {
        let mechanism = match sasl {
            Sasl::Plain { .. } => "PLAIN",
            Sasl::ScramSha512 { .. } => "SCRAM-SHA-512",
        };
        let answer = self.exchange(requests::SASL_HANDSHAKE, &requests::sasl_handshake(mechanism)).await?;
        let (code, known) = self.read_with(requests::read_sasl_handshake(&answer))?;
        if code != 0 {
            return Err(
                self.refused(format!("it does not know the mechanism {mechanism}, but {}", known.join(", ")))
            );
        }
        match sasl {
            Sasl::Plain { user, password } => {
                self.say(sasl::plain(user, password)).await?;
            }
            Sasl::ScramSha512 { user, password, ids } => {
                let mut scram = Scram::new(user, &ids.hex(NONCE));
                let first = self.say(scram.first()).await?;
                let proof = scram.prove(password, &first).map_err(|why| self.refused(why.to_owned()))?;
                let last = self.say(proof).await?;
                scram.check(&last).map_err(|why| self.refused(why.to_owned()))?;
            }
        }
        Ok(())
    }

    async fn say(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>, KafkaError> {
        let answer = self.exchange(requests::SASL_AUTHENTICATE, &requests::sasl_authenticate(&bytes)).await?;
        let answer = self.read_with(requests::read_sasl_authenticate(&answer))?;
        answer.map_err(|why| self.refused(why))
    }

    async fn exchange(&mut self, api: Api, body: &[u8]) -> Result<Vec<u8>, KafkaError> {
        self.write(api, body).await?;
        self.read().await
    }

    fn refused(&self, why: String) -> KafkaError {
        KafkaError::NotAuthenticated { server: self.server.clone(), why }
    }
}

async fn limited<T>(
    server: &str,
    work: impl Future<Output = Result<T, KafkaError>>,
) -> Result<T, KafkaError> {
    match tokio::time::timeout(LIMIT, work).await {
        Ok(end) => end,
        Err(_) => Err(KafkaError::TimedOut { server: server.to_owned(), limit_ms: LIMIT.as_millis() }),
    }
}

/// Random bytes in a SCRAM nonce.
const NONCE: usize = 16;
/// The time a connection, or a request, has.
pub(super) const LIMIT: Duration = Duration::from_secs(5);
/// An answer may be this long; metadata of one topic is far shorter.
const MAX_ANSWER: usize = 16 * 1024 * 1024;

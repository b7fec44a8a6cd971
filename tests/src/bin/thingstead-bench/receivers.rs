//! What the receiver of a rule does to everybody else: one that answers, one that takes five seconds, one that never answers.

use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::Outcome;
use crate::broker::Broker;
use crate::load::{self, Scenario};
use crate::report::{Figure, Measured, Spread};

pub(crate) const NAME: &str = "receivers of a rule";

/// How a receiver of `http` actions behaves. Rules are called after it, and so are their topics.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Receiver {
    /// The rule has no receiver at all.
    None,
    Alive,
    Slow,
    Dead,
}

impl Receiver {
    pub(crate) const ALL: [Self; 4] = [Self::None, Self::Slow, Self::Dead, Self::Alive];

    /// The rule that posts to it and does nothing else.
    pub(crate) const fn rule(self) -> &'static str {
        match self {
            Self::None => "idle",
            Self::Alive => "alive",
            Self::Slow => "slow",
            Self::Dead => "dead",
        }
    }

    /// The rule that republishes, too.
    pub(crate) const fn carrying_rule(self) -> &'static str {
        match self {
            Self::None => "carrying_idle",
            Self::Alive => "carrying_alive",
            Self::Slow => "carrying_slow",
            Self::Dead => "carrying_dead",
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::None => "no receiver",
            Self::Alive => "a receiver that answers",
            Self::Slow => "a receiver that takes 5 s",
            Self::Dead => "a receiver that never answers",
        }
    }

    /// Starts it, for as long as this process lives.
    pub(crate) fn start(self) -> Outcome<Option<String>> {
        if self == Self::None {
            return Ok(None);
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let url = format!("http://127.0.0.1:{}/", listener.local_addr()?.port());
        if self == Self::Dead {
            // The system accepts connections for it, and nobody reads them.
            std::mem::forget(listener);
            return Ok(Some(url));
        }
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        tokio::task::spawn_local(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::task::spawn_local(self.serve(socket));
            }
        });
        Ok(Some(url))
    }

    /// Answers each request; all have bodies without an end of headers in them.
    async fn serve(self, mut socket: tokio::net::TcpStream) {
        let (mut buffer, mut read) = ([0; 16 * 1024], Vec::new());
        while let Ok(count @ 1..) = socket.read(&mut buffer).await {
            read.extend_from_slice(buffer.get(..count).unwrap_or_default());
            while let Some(length) = request_length(&read) {
                read.drain(..length);
                if self == Self::Slow {
                    tokio::time::sleep(Duration::from_secs(5)).await;
                }
                if socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.is_err() {
                    return;
                }
            }
        }
    }
}

/// How long the first request is, when all of it is there.
fn request_length(read: &[u8]) -> Option<usize> {
    let head = read.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(read.get(..head)?).to_ascii_lowercase();
    let length =
        text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    let whole = head + length.unwrap_or(0);
    (read.len() >= whole).then_some(whole)
}

/// What a figure's name begins with, the load, and how much more it may cost with a dead receiver.
type Question = (&'static str, fn(Receiver) -> Scenario, Option<f64>);

/// All of it in turns, several times, so that whatever else the machine does disturbs all alike; of the ratios to the rule
/// without receiver in the same turn the median is told.
pub(crate) async fn measure(broker: &Broker) -> Outcome<Vec<Figure>> {
    let mut figures = Vec::new();
    let questions: [Question; 3] = [
        ("16 pairs, a rule with", Scenario::beside_rule, Some(1.05)),
        ("16 pairs on other topics beside 5,000 messages/s for", Scenario::beside_others, None),
        ("16 pairs through a republish beside", Scenario::carried, None),
    ];
    for (question, scenario, must) in questions {
        let mut turns: Vec<Vec<Measured>> = Vec::new();
        for _ in 0..TURNS {
            let mut turn = Vec::new();
            // Not counted: the journal drops what the living receiver of the turn before left, which costs whoever comes next.
            load::run(&scenario(Receiver::None), broker, WINDOW).await?;
            for receiver in Receiver::ALL {
                turn.push(load::run(&scenario(receiver), broker, WINDOW).await?);
            }
            turns.push(turn);
        }
        for (number, receiver) in Receiver::ALL.into_iter().enumerate() {
            let of = |what: fn(&Measured) -> f64| {
                let turns = turns.iter().filter_map(|turn| turn.get(number));
                Spread::of(&turns.map(what).collect::<Vec<_>>()).median
            };
            let by_none = |what: fn(&Measured) -> f64| {
                let ratio = |turn: &Vec<Measured>| Some(what(turn.get(number)?) / what(turn.first()?));
                Spread::of(&turns.iter().filter_map(ratio).collect::<Vec<_>>()).median
            };
            let name = format!("{question} {}", receiver.words());
            figures.push(Figure::new(name.clone(), "µs/message", of(Measured::cost)));
            figures.push(Figure::new("… per s", "messages", of(Measured::rate)));
            figures.push(Figure::new("… p99", "ms", of(Measured::p99)));
            if receiver != Receiver::None {
                let cost = Figure::new("… cost by no receiver", "", by_none(Measured::cost));
                figures.push(match must {
                    Some(must) if receiver == Receiver::Dead => cost.at_most(must),
                    _ => cost,
                });
                figures.push(Figure::new("… rate by no receiver", "", by_none(Measured::rate)));
                figures.push(Figure::new("… p99 by no receiver", "", by_none(Measured::p99)));
            }
        }
    }
    Ok(figures)
}

const WINDOW: Duration = Duration::from_millis(1_000);
const TURNS: usize = 5;

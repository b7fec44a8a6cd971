//! Brokers that answer oddly: nothing hangs, nothing panics, and the delivery says what came back.

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::world::World;

/// What a broker does with each request: `metadata` answers those for metadata, `produce` those that bring a record.
struct Manners {
    metadata: fn(port: u16) -> Odd,
    produce: Odd,
}

/// An answer, without the request's number unless it says otherwise.
#[derive(Clone)]
enum Odd {
    Body(Vec<u8>),
    /// Bytes as they are, then the end of the connection.
    Raw(&'static [u8]),
    /// The end of the connection.
    Nothing,
    /// To a request that nobody sent.
    ForAnother,
}

fn number(number: i32) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u16).to_be_bytes()[..], text.as_bytes()].concat()
}

/// One topic with so many partitions that node `leader` leads; the only node is 7.
fn topic(port: u16, error: i16, partitions: i32, leader: i32) -> Odd {
    let mut out = [number(0), number(1), number(7), text("127.0.0.1"), number(port.into())].concat();
    out.extend([text(""), text("cluster"), number(7), number(1)].concat());
    out.extend([error.to_be_bytes().to_vec(), text("readings"), vec![0], number(partitions)].concat());
    for partition in 0..partitions {
        out.extend([vec![0, 0], number(partition), number(leader), number(0), number(0)].concat());
    }
    Odd::Body(out)
}

fn produced(code: i16) -> Vec<u8> {
    let mut out = [number(1), text("readings"), number(1), number(0)].concat();
    out.extend(code.to_be_bytes());
    out.extend([41_i64.to_be_bytes(), (-1_i64).to_be_bytes()].concat());
    out.extend(number(0));
    out
}

async fn serve(mut socket: TcpStream, port: u16, metadata: fn(u16) -> Odd, produce: Odd) {
    while let Ok(length) = socket.read_u32().await {
        let mut frame = vec![0; length as usize];
        if socket.read_exact(&mut frame).await.is_err() {
            return;
        }
        let (mut id, is_produce) = (frame[4..8].to_vec(), frame[..2] == [0, 0]);
        let body = match if is_produce { produce.clone() } else { metadata(port) } {
            Odd::Body(body) => body,
            Odd::Raw(bytes) => return socket.write_all(bytes).await.unwrap_or_default(),
            Odd::Nothing => return,
            Odd::ForAnother => {
                id[0] ^= 1;
                produced(0)
            }
        };
        let length = (id.len() + body.len()) as u32;
        let out = [length.to_be_bytes().to_vec(), id, body].concat();
        if socket.write_all(&out).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn an_odd_answer_ends_the_action_with_the_reason() {
    // RULES-357, RULES-358, RULES-397
    let fine: fn(u16) -> Odd = |port| topic(port, 0, 1, 7);
    let ends_early = "sent an answer that cannot be read: it ends early";
    let cases: [(Manners, u32, &str); 14] = [
        (Manners { metadata: |_| Odd::Nothing, produce: Odd::Nothing }, 3, "ended early"),
        (
            Manners { metadata: |_| Odd::Raw(b"HTTP/1.1 400 Bad Request\r\n"), produce: Odd::Nothing },
            1,
            "its length is not plausible",
        ),
        (
            Manners { metadata: |_| Odd::Raw(&[0, 0, 0, 2, 0, 0]), produce: Odd::Nothing },
            1,
            "its length is not plausible",
        ),
        (Manners { metadata: |_| Odd::Raw(&[0, 0, 1, 0, 0, 0]), produce: Odd::Nothing }, 3, "ended early"),
        (Manners { metadata: |_| Odd::Body(Vec::new()), produce: Odd::Nothing }, 1, ends_early),
        (
            Manners { metadata: |_| Odd::Body(number(i32::MAX).repeat(3)), produce: Odd::Nothing },
            1,
            ends_early,
        ),
        (
            Manners { metadata: |_| Odd::ForAnother, produce: Odd::Nothing },
            1,
            "it belongs to another request",
        ),
        (
            Manners { metadata: |port| topic(port, 3, 0, 7), produce: Odd::Nothing },
            3,
            "UNKNOWN_TOPIC_OR_PARTITION (error code 3)",
        ),
        (
            Manners { metadata: |port| topic(port, 12_345, 0, 7), produce: Odd::Nothing },
            1,
            "answered an error (error code 12345)",
        ),
        (
            Manners { metadata: |port| topic(port, 0, 0, 7), produce: Odd::Nothing },
            1,
            "the topic has 0 partitions",
        ),
        (
            Manners { metadata: |port| topic(port, 0, 1, 9), produce: Odd::Nothing },
            3,
            "partition 0 has no leader",
        ),
        (Manners { metadata: fine, produce: Odd::Body(produced(-1)) }, 1, "error code -1"),
        (Manners { metadata: fine, produce: Odd::Body(number(0)) }, 1, "it names no partition"),
        (Manners { metadata: fine, produce: Odd::ForAnother }, 1, "it belongs to another request"),
    ];
    let mut waiting = tokio::task::JoinSet::new();
    for (manners, attempts, why) in cases {
        waiting.spawn(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let port = listener.local_addr().expect("an address").port();
            tokio::spawn(async move {
                while let Ok((socket, _)) = listener.accept().await {
                    tokio::spawn(serve(socket, port, manners.metadata, manners.produce.clone()));
                }
            });
            let world = World::new();
            let destination = super::kafka::vpc(&world).await;
            let properties =
                json!({"bootstrap.servers": format!("127.0.0.1:{port}"), "security.protocol": "PLAINTEXT"});
            let action = json!({"kafka": {
                "destinationArn": destination, "topic": "readings", "clientProperties": properties,
            }});
            world.rule("r", "SELECT * FROM 'in'", json!([action])).await;
            world.publish("in", "{}");
            let told = world.deliveries("r", 1).await.remove(0).to_json();
            assert_eq!((&told["outcome"], &told["attempts"]), (&json!("failed"), &json!(attempts)), "{told}");
            let words = told["why"].as_str().expect("words");
            assert!(words.starts_with("KafkaAction failed to send a message"), "{words}");
            assert!(words.contains(why), "{words}");
        });
    }
    while let Some(end) = waiting.join_next().await {
        end.expect("as it should be");
    }
}

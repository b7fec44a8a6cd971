//! Just enough HTTP to set Thingstead up through the AWS API.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Outcome;
use crate::broker::local;

/// One request on a connection of its own; anything but 2xx is an error. `headers` are whole lines.
pub(crate) async fn send(
    port: u16,
    method: &str,
    path: &str,
    headers: &str,
    body: Option<&Value>,
) -> Outcome<String> {
    let body = body.map(Value::to_string).unwrap_or_default();
    // Any credentials are accepted; the service name says which API is meant.
    let service = if path.starts_with("/retainedMessage") { "iotdata" } else { "iot" };
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n\
         authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature=00\r\nx-amz-date: 20260101T000000Z\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut socket = TcpStream::connect(local(port)).await?;
    socket.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("the answer has no end of headers")?;
    if !head.starts_with("HTTP/1.1 2") {
        return Err(format!("{method} {path}: {}: {body}", head.lines().next().unwrap_or_default()).into());
    }
    Ok(body.to_owned())
}

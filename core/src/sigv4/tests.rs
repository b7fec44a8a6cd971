use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::Timestamp;

const EXAMPLE_SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
/// The key of the published signing examples.
const PUBLISHED_SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
/// What botocore sends, recorded.
const RECORDED: &str = include_str!("../../../api/tests/recorded/requests.json");

fn at(text: &str) -> Timestamp {
    let time: jiff::Timestamp = text.parse().expect(text);
    Timestamp::from_millis(time.as_millisecond())
}

fn check(request: &Request<'_>, secret: &str, now: Timestamp) -> Result<(), SignatureError> {
    let claim = Claim::of(request)?.expect("a signature");
    claim.verify(request, &Secret::new(secret), now)
}

#[test]
fn the_published_examples_verify() {
    let scope = "AKIDEXAMPLE/20150830/us-east-1";
    for (method, host, service, query, headers, signature) in [
        (
            "GET",
            "example.amazonaws.com",
            "service",
            "",
            "host;x-amz-date",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            "POST",
            "example.amazonaws.com",
            "service",
            "",
            "host;x-amz-date",
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
        (
            "GET",
            "example.amazonaws.com",
            "service",
            "Param2=value2&Param1=value1",
            "host;x-amz-date",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            "GET",
            "iam.amazonaws.com",
            "iam",
            "Action=ListUsers&Version=2010-05-08",
            "content-type;host;x-amz-date",
            "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
        ),
    ] {
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={scope}/{service}/aws4_request, SignedHeaders={headers}, Signature={signature}"
        );
        let headers = [
            ("Host", host),
            ("X-Amz-Date", "20150830T123600Z"),
            ("Content-Type", "application/x-www-form-urlencoded;  charset=utf-8"),
            ("Authorization", authorization.as_str()),
        ];
        let request = Request { method, path: "/", query, headers: &headers, body: b"" };
        assert_eq!(check(&request, PUBLISHED_SECRET, at("2015-08-30T12:36:00Z")), Ok(()), "{method} {query}");
    }
}

/// A recorded request, owned.
struct Recorded {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Recorded {
    fn with<T>(&self, look: impl FnOnce(&Request<'_>) -> T) -> T {
        let headers: Vec<_> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        look(&Request {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: &headers,
            body: &self.body,
        })
    }
}

fn recorded() -> (Timestamp, Vec<Recorded>) {
    let all: Value = serde_json::from_str(RECORDED).expect("JSON");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let requests = all["requests"].as_array().expect("requests").iter().map(|one| Recorded {
        method: text(&one["method"]),
        path: text(&one["path"]),
        query: text(&one["query"]),
        headers: one["headers"]
            .as_object()
            .expect("headers")
            .iter()
            .map(|(k, v)| (k.clone(), text(v)))
            .collect(),
        body: decode_base64(&text(&one["body_base64"])),
    });
    (Timestamp::from_millis(all["at_ms"].as_i64().expect("a time")), requests.collect())
}

fn decode_base64(text: &str) -> Vec<u8> {
    let digit = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let bits: Vec<u8> = text.bytes().filter(|c| *c != b'=').map(digit).collect();
    let mut out = Vec::new();
    for group in bits.chunks(4) {
        let word =
            group.iter().fold(0u32, |word, bits| word << 6 | u32::from(*bits)) << (6 * (4 - group.len()));
        out.extend_from_slice(&word.to_be_bytes()[1..group.len()]);
    }
    out
}

#[test]
fn requests_of_a_real_sdk_verify_and_tampered_ones_do_not() {
    // API-044, API-047, AUTH-103, AUTH-107
    let (now, requests) = recorded();
    assert!(requests.len() >= 20);
    for mut request in requests {
        let name = format!("{} {}", request.method, request.path);
        assert_eq!(request.with(|r| check(r, EXAMPLE_SECRET, now)), Ok(()), "{name}");
        assert!(request.with(|r| check(r, "another", now)).is_err(), "{name} with another secret");
        request.path.push('x');
        let tampered = request.with(|r| check(r, EXAMPLE_SECRET, now));
        assert!(
            matches!(tampered, Err(SignatureError::Mismatch { .. })),
            "{name} with another path: {tampered:?}"
        );
        request.path.pop();
        request.body.push(b' ');
        assert!(request.with(|r| check(r, EXAMPLE_SECRET, now)).is_err(), "{name} with another body");
    }
}

#[test]
fn a_token_added_after_presigning_and_a_host_signed_without_port_are_accepted() {
    // AUTH-104
    let now = at("2026-01-01T00:00:00Z");
    let credentials =
        Credentials { access_key: "AK".to_owned(), secret: Secret::new("s"), session_token: None };
    let signer = Signer {
        credentials: &credentials,
        region: "eu-west-1",
        service: "iotdevicegateway",
        path_encoding: PathEncoding::Twice,
    };
    let bare =
        Request { method: "GET", path: "/mqtt", query: "", headers: &[("host", "example.org")], body: b"" };
    let query = signer.presign(&bare, now, 60) + "&X-Amz-Security-Token=abc%2F";
    let arrived = Request { query: &query, headers: &[("Host", "example.org:8443")], ..bare };
    assert_eq!(check(&arrived, "s", now), Ok(()));
    assert_eq!(
        Claim::of(&arrived).expect("well-formed").expect("signed").session_token.as_deref(),
        Some("abc/")
    );
    let elsewhere = Request { headers: &[("Host", "example.net:8443")], ..arrived };
    assert!(check(&elsewhere, "s", now).is_err());
}

#[test]
fn the_time_window_is_five_minutes_and_that_of_a_presigned_url_its_own() {
    // API-045, AUTH-106
    let now = at("2026-01-01T00:00:00Z");
    let credentials = Credentials {
        access_key: "AK".to_owned(),
        secret: Secret::new("s"),
        session_token: Some("tok".to_owned()),
    };
    let signer =
        Signer { credentials: &credentials, region: "r", service: "iot", path_encoding: PathEncoding::Twice };
    let bare =
        Request { method: "PUT", path: "/a%2Fb", query: "b=2&a=1", headers: &[("host", "h")], body: b"{}" };
    let added = signer.sign(&bare, now);
    let headers: Vec<_> =
        bare.headers.iter().copied().chain(added.iter().map(|(k, v)| (*k, v.as_str()))).collect();
    let signed = Request { headers: &headers, ..bare };
    for (seconds, good) in [(0, true), (299, true), (301, false)] {
        assert_eq!(
            check(&signed, "s", now.plus(Duration::from_secs(seconds))).is_ok(),
            good,
            "{seconds} s later"
        );
    }
    assert!(matches!(check(&signed, "s", at("2025-12-31T23:54:00Z")), Err(SignatureError::Skewed { .. })));
    let query = signer.presign(&bare, now, 600);
    let presigned = Request { query: &query, ..bare };
    for (seconds, good) in [(0, true), (599, true), (601, false)] {
        assert_eq!(
            check(&presigned, "s", now.plus(Duration::from_secs(seconds))).is_ok(),
            good,
            "{seconds} s later"
        );
    }
    for (expires, good) in [("600", true), ("0", false), ("604801", false), ("x", false)] {
        let query = query.replace("X-Amz-Expires=600", &format!("X-Amz-Expires={expires}"));
        assert_eq!(check(&Request { query: &query, ..bare }, "s", now).is_ok(), good, "expires {expires}");
    }
}

#[test]
fn a_malformed_or_partial_signature_names_its_fault() {
    let good = "AWS4-HMAC-SHA256 Credential=AK/20260101/r/iot/aws4_request, SignedHeaders=host;x-amz-date, Signature=00";
    let date = "20260101T000000Z";
    for (authorization, date, expected) in [
        ("Bearer abc".to_owned(), date, "the signing algorithm is `Bearer`"),
        (good.replace(", Signature=00", ""), date, "`Signature` is missing"),
        (good.replace("/iot", ""), date, "expected `KEY/YYYYMMDD/REGION/SERVICE/aws4_request`"),
        (good.replace("aws4_request", "aws5"), date, "expected `KEY/YYYYMMDD/REGION/SERVICE/aws4_request`"),
        (good.replace("host;", ""), date, "`host` must be among the signed headers"),
        (good.to_owned(), "20260102T000000Z", "on the day `20260101`"),
        (good.to_owned(), "yesterday", "`yesterday`"),
        (good.to_owned(), "", "`x-amz-date` is missing"),
    ] {
        let headers = [("host", "h"), ("authorization", authorization.as_str()), ("x-amz-date", date)];
        let headers = if date.is_empty() { &headers[..2] } else { &headers };
        let error = Claim::of(&Request { method: "GET", path: "/", query: "", headers, body: b"" })
            .expect_err(expected);
        assert!(error.to_string().contains(expected), "{error}");
    }
    let unsigned_hash = [
        ("host", "h"),
        ("authorization", good),
        ("x-amz-date", date),
        ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
    ];
    let request = Request { method: "GET", path: "/", query: "", headers: &unsigned_hash, body: b"" };
    assert_eq!(
        check(&request, "s", at("2026-01-01T00:00:00Z")),
        Err(SignatureError::Unsigned("x-amz-content-sha256"))
    );
    let unsigned = Request { headers: &[("host", "h")], ..request };
    assert_eq!(Claim::of(&unsigned), Ok(None));
}

#[test]
fn a_date_header_serves_where_x_amz_date_is_absent() {
    let headers = [
        ("host", "h"),
        ("date", "Thu, 01 Jan 2026 00:00:00 GMT"),
        (
            "authorization",
            "AWS4-HMAC-SHA256 Credential=AK/20260101/r/iot/aws4_request,SignedHeaders=date;host,Signature=00",
        ),
    ];
    let claim = Claim::of(&Request { method: "GET", path: "/", query: "", headers: &headers, body: b"" });
    assert_eq!(claim.expect("well-formed").expect("signed").access_key, "AK");
}

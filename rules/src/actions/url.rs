//! URLs: taken apart and percent-encoded.

/// Percent-encodes everything but unreserved characters.
pub(crate) fn encode(text: &str) -> String {
    encode_except(text, b"")
}

/// Percent-encodes a path, slashes kept.
pub(crate) fn encode_path(path: &str) -> String {
    encode_except(path, b"/")
}

/// The authority, path and query of an absolute URL.
pub(crate) fn split(url: &str) -> (&str, &str, &str) {
    let after = url.split_once("://").map_or(url, |(_, after)| after);
    let (before_query, query) = after.split_once('?').unwrap_or((after, ""));
    match before_query.find('/') {
        Some(slash) => {
            let (authority, path) = before_query.split_at(slash);
            (authority, path, query)
        }
        None => (before_query, "/", query),
    }
}

/// The host of an authority, without user and port; brackets of IPv6 stay.
pub(crate) fn host(authority: &str) -> &str {
    let authority = authority.rsplit_once('@').map_or(authority, |(_, after)| after);
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    }
}

/// Whether a URL's host belongs to AWS, where a local server sends nothing.
pub(crate) fn is_aws_host(url: &str) -> bool {
    let (authority, _, _) = split(url);
    let host = host(authority).to_ascii_lowercase();
    [".amazonaws.com", ".amazonaws.com.cn", ".aws", ".on.aws"].iter().any(|suffix| host.ends_with(suffix))
}

fn encode_except(text: &str, kept: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) || kept.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart_and_encoded() {
        assert_eq!(split("http://h:1?x=1"), ("h:1", "/", "x=1"));
        assert_eq!(split("https://u@h/a/b?c"), ("u@h", "/a/b", "c"));
        assert_eq!(host("u@h:80"), "h");
        assert_eq!(host("[::1]:80"), "[::1]");
        assert_eq!(encode("a b/ü"), "a%20b%2F%C3%BC");
        assert_eq!(encode_path("a b/ü"), "a%20b/%C3%BC");
        assert!(is_aws_host("https://sqs.eu-west-1.amazonaws.com/1/q"));
        assert!(!is_aws_host("http://localhost:4566/amazonaws.com"));
    }
}

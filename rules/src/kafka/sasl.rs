//! PLAIN (RFC 4616) and SCRAM-SHA-512 (RFC 5802), the client's side.

use std::num::NonZeroU32;

use aws_lc_rs::{digest, hmac, pbkdf2};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The one message of PLAIN.
pub(super) fn plain(user: &str, password: &str) -> Vec<u8> {
    format!("\0{user}\0{password}").into_bytes()
}

/// A SCRAM-SHA-512 conversation.
#[derive(Debug)]
pub(super) struct Scram {
    first: String,
    nonce: String,
    expected: Vec<u8>,
}

impl Scram {
    /// `nonce` is fresh and random.
    pub(super) fn new(user: &str, nonce: &str) -> Self {
        let user = user.replace('=', "=3D").replace(',', "=2C");
        Self { first: format!("n={user},r={nonce}"), nonce: nonce.to_owned(), expected: Vec::new() }
    }

    pub(super) fn first(&self) -> Vec<u8> {
        format!("n,,{}", self.first).into_bytes()
    }

    /// The proof for the server's first message, or why that message cannot be believed.
    pub(super) fn prove(&mut self, password: &str, answer: &[u8]) -> Result<Vec<u8>, &'static str> {
        let answer = std::str::from_utf8(answer).map_err(|_| "its first message is not UTF-8")?;
        let nonce = attribute(answer, 'r').ok_or("its first message has no nonce")?;
        if !nonce.starts_with(&self.nonce) {
            return Err("its nonce does not begin with ours");
        }
        let salt = attribute(answer, 's').and_then(|salt| STANDARD.decode(salt).ok());
        let salt = salt.ok_or("its first message has no salt")?;
        let iterations = attribute(answer, 'i').and_then(|count| count.parse::<NonZeroU32>().ok());
        let iterations = iterations.filter(|count| count.get() <= MAX_ITERATIONS);
        let iterations = iterations.ok_or("its number of iterations is missing or too high")?;
        let mut salted = [0; digest::SHA512_OUTPUT_LEN];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA512, iterations, &salt, password.as_bytes(), &mut salted);
        let client_key = mac(&salted, b"Client Key");
        let stored_key = digest::digest(&digest::SHA512, &client_key);
        let last = format!("c=biws,r={nonce}");
        let signed = format!("{},{answer},{last}", self.first);
        let signature = mac(stored_key.as_ref(), signed.as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(&signature).map(|(a, b)| a ^ b).collect();
        self.expected = mac(&mac(&salted, b"Server Key"), signed.as_bytes());
        Ok(format!("{last},p={}", STANDARD.encode(proof)).into_bytes())
    }

    /// Whether the server knows the password as well.
    pub(super) fn check(&self, answer: &[u8]) -> Result<(), &'static str> {
        let answer = std::str::from_utf8(answer).unwrap_or_default();
        let signature = attribute(answer, 'v').and_then(|signature| STANDARD.decode(signature).ok());
        if !self.expected.is_empty() && signature.as_ref() == Some(&self.expected) {
            return Ok(());
        }
        Err("it did not prove that it knows the password")
    }
}

fn attribute(message: &str, name: char) -> Option<&str> {
    message.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
}

fn mac(key: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA512, key), message).as_ref().to_vec()
}

/// More than any broker asks for; a hostile one must not keep us busy.
const MAX_ITERATIONS: u32 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_does_not_know_the_password_is_found_out() {
        let mut scram = Scram::new("a,b=c", "nonce");
        assert_eq!(scram.first(), b"n,,n=a=2Cb=3Dc,r=nonce");
        assert!(scram.check(b"v=").is_err());
        assert!(scram.prove("p", b"r=other,s=c2FsdA==,i=4096").is_err());
        assert!(scram.prove("p", b"r=nonce1,s=c2FsdA==,i=4000000000").is_err());
        assert!(scram.prove("p", b"r=nonce1,s=c2FsdA==,i=4096").is_ok());
        assert!(scram.check(b"v=AAAA").is_err());
    }
}

//! The certificates the server shows to its clients.

use std::net::IpAddr;
use std::time::Duration;

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RsaKeySize, SanType, SerialNumber,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use thingstead_core::{Ids, Timestamp};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{CaError, Root, ServerCa, files, root_name, serial, shown};
use crate::x509::{Parsed, is_signed_by, pem};

/// The names a server certificate carries (AUTH-271).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerNames(Vec<String>);

impl ServerNames {
    /// `localhost`, `127.0.0.1`, `::1`, `host.docker.internal`, the AWS endpoint names of the Regions, and `more`: the
    /// advertised host, the host's own name, host names of domain configurations. Empty names and `*` are left out.
    pub fn new(regions: &[&str], more: &[String]) -> Self {
        let mut names: Vec<String> =
            ["localhost", "127.0.0.1", "::1", "host.docker.internal"].map(str::to_owned).to_vec();
        for region in regions {
            for kind in ["", "credentials.", "jobs."] {
                names.push(format!("*.{kind}iot.{region}.amazonaws.com"));
            }
        }
        names.extend(more.iter().filter(|name| !name.is_empty() && *name != "*").cloned());
        let mut seen = std::collections::HashSet::new();
        names.retain(|name| seen.insert(name.to_lowercase()));
        Self(names)
    }

    /// Whether a host name in lower case is one of them; a `*` stands for one label.
    pub fn covers(&self, host: &str) -> bool {
        let rest = host.split_once('.').map(|(_, rest)| rest);
        self.0.iter().any(|name| match name.strip_prefix("*.") {
            Some(parent) => rest.is_some_and(|rest| rest.eq_ignore_ascii_case(parent)),
            None => name.eq_ignore_ascii_case(host),
        })
    }

    /// The names, IP addresses as text.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

/// A certificate chain, leaf first, with its key.
#[derive(Debug)]
pub struct ServerCertificate {
    /// The leaf and the root.
    pub chain: Vec<CertificateDer<'static>>,
    /// The leaf's key.
    pub key: PrivateKeyDer<'static>,
}

/// What the TLS listeners hold: they answer with what the client can check.
#[derive(Debug)]
pub struct ServerCertificates {
    /// On P-256: the quick one.
    pub ecdsa: ServerCertificate,
    /// RSA-2048, for clients without elliptic curves.
    pub rsa: ServerCertificate,
}

impl ServerCa {
    /// The server's certificates for these names: those on disk if they fit, new ones when the names changed, the root
    /// changed, or the end is less than 30 days away.
    ///
    /// # Errors
    /// A name cannot stand in a certificate; a file cannot be read or written; a key cannot be made.
    pub fn server_certificates(
        &self,
        names: &ServerNames,
        now: Timestamp,
        ids: &Ids,
    ) -> Result<ServerCertificates, CaError> {
        let root = self.root(now)?;
        Ok(ServerCertificates {
            ecdsa: self.server_certificate(&root, Kind::Ecdsa, names, now, ids)?,
            rsa: self.server_certificate(&root, Kind::Rsa, names, now, ids)?,
        })
    }

    /// A chain for one host name and a key that the server has already.
    ///
    /// # Errors
    /// The name cannot stand in a certificate; the key cannot be read.
    pub(crate) fn certify(
        &self,
        host: &str,
        key: &PrivateKeyDer<'_>,
        now: Timestamp,
        ids: &Ids,
    ) -> Result<Vec<CertificateDer<'static>>, CaError> {
        let root = self.root(now)?;
        let names = ServerNames(vec![host.to_owned()]);
        let certificate = sign(&root, &KeyPair::try_from(key)?, &names, now, ids)?;
        let authority = CertificateDer::from_pem_slice(root.pem.as_bytes()).map_err(|error| {
            CaError::Unreadable { file: "root certificate".to_owned(), cause: error.to_string() }
        })?;
        Ok(vec![certificate, authority])
    }

    fn server_certificate(
        &self,
        root: &Root,
        kind: Kind,
        names: &ServerNames,
        now: Timestamp,
        ids: &Ids,
    ) -> Result<ServerCertificate, CaError> {
        let paths = self.directory.as_ref().map(|directory| {
            let stem = kind.file_stem();
            (directory.join(format!("{stem}.pem")), directory.join(format!("{stem}.key")))
        });
        if let Some((certificate, key)) = &paths
            && let (Some(text), Some(key_text)) = (files::read(certificate)?, files::read(key)?)
            && still_fits(root, &text, names, now)
            && let Some(found) = assemble(root, &text, &key_text)
        {
            return Ok(found);
        }
        let (text, key_text) = make(root, kind, names, now, ids)?;
        if let Some((certificate, key)) = &paths {
            files::write_secret(key, &key_text)?;
            files::write(certificate, &format!("{text}{}", root.pem))?;
        }
        assemble(root, &text, &key_text).ok_or_else(|| CaError::Unreadable {
            file: paths.map_or_else(|| "server certificate".to_owned(), |(file, _)| shown(&file)),
            cause: "it was just made and cannot be read".to_owned(),
        })
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Ecdsa,
    Rsa,
}

impl Kind {
    fn file_stem(self) -> &'static str {
        match self {
            Self::Ecdsa => "server-ecdsa",
            Self::Rsa => "server-rsa",
        }
    }
}

fn make(
    root: &Root,
    kind: Kind,
    names: &ServerNames,
    now: Timestamp,
    ids: &Ids,
) -> Result<(String, String), CaError> {
    let key = match kind {
        Kind::Ecdsa => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?,
        Kind::Rsa => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?,
    };
    let certificate = sign(root, &key, names, now, ids)?;
    Ok((pem("CERTIFICATE", &certificate), key.serialize_pem()))
}

fn sign(
    root: &Root,
    key: &KeyPair,
    names: &ServerNames,
    now: Timestamp,
    ids: &Ids,
) -> Result<CertificateDer<'static>, CaError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Thingstead");
    params.subject_alt_names = names.0.iter().map(|name| alternative_name(name)).collect::<Result<_, _>>()?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    set_validity(&mut params, day_before(now), now.plus(LIFETIME));
    params.serial_number = Some(SerialNumber::from_slice(&serial(ids)));
    let mut issuer = CertificateParams::default();
    issuer.distinguished_name = root_name();
    let certificate = params.signed_by(key, &Issuer::from_params(&issuer, &root.key))?;
    Ok(certificate.der().clone())
}

fn still_fits(root: &Root, text: &str, names: &ServerNames, now: Timestamp) -> bool {
    let Some(leaf) = Parsed::from_pem(text) else { return false };
    let Some(authority) = Parsed::from_pem(&root.pem) else { return false };
    let in_time = now >= leaf.not_before && leaf.not_after.since(now) > RENEW_BEFORE;
    let mut wanted: Vec<String> = names.0.clone();
    let mut found = names_of(&leaf.der);
    wanted.sort();
    found.sort();
    in_time && wanted == found && is_signed_by(&leaf.der, &authority.public_key)
}

fn names_of(der: &[u8]) -> Vec<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else { return Vec::new() };
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return Vec::new() };
    let text = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match (<[u8; 4]>::try_from(*bytes), <[u8; 16]>::try_from(*bytes)) {
            (Ok(four), _) => Some(IpAddr::from(four).to_string()),
            (_, Ok(sixteen)) => Some(IpAddr::from(sixteen).to_string()),
            _ => None,
        },
        _ => None,
    };
    names.value.general_names.iter().filter_map(text).collect()
}

fn assemble(root: &Root, text: &str, key: &str) -> Option<ServerCertificate> {
    let leaf = CertificateDer::from_pem_slice(text.as_bytes()).ok()?;
    let authority = CertificateDer::from_pem_slice(root.pem.as_bytes()).ok()?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).ok()?;
    Some(ServerCertificate { chain: vec![leaf, authority], key })
}

fn alternative_name(name: &str) -> Result<SanType, CaError> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(address));
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '*' | '_');
    match name.try_into() {
        Ok(text) if name.chars().all(fits) => Ok(SanType::DnsName(text)),
        _ => Err(CaError::Name(name.to_owned())),
    }
}

/// Sets the validity in whole seconds.
pub(super) fn set_validity(params: &mut CertificateParams, from: Timestamp, until: Timestamp) {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let seconds = |at: Timestamp| Duration::from_secs(u64::try_from(at.as_secs()).unwrap_or(0));
    params.not_before = epoch + seconds(from);
    params.not_after = epoch + seconds(until);
}

pub(super) fn day_before(now: Timestamp) -> Timestamp {
    Timestamp::from_millis(now.as_millis().saturating_sub(24 * 3600 * 1000).max(0))
}

/// Under the 825 days that Apple's systems allow a server certificate.
const LIFETIME: Duration = Duration::from_secs(820 * 24 * 3600);
const RENEW_BEFORE: Duration = Duration::from_secs(30 * 24 * 3600);

//! A device kit: what a device needs to connect, as files, and the commands that use them.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::json;
use thingstead_core::Ids;
use thingstead_registry::Pkcs12;

use super::Failure;

/// Key, certificates and addresses of one device.
pub(super) struct Kit<'a> {
    /// The thing's name, which is also the client id its policy permits.
    pub(super) name: &'a str,
    /// The device certificate as PEM.
    pub(super) certificate: &'a str,
    /// Its private key as PEM.
    pub(super) private_key: &'a str,
    /// The server's root as PEM.
    pub(super) root_ca: &'a str,
    /// Host of the MQTT endpoint.
    pub(super) host: &'a str,
    /// Port of the MQTT endpoint.
    pub(super) port: u16,
}

/// How key and certificates are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Format<'a> {
    /// One PEM file each.
    Pem,
    /// One C header with string literals, as microcontroller examples include it.
    CHeader,
    /// Key and certificates in one PKCS#12 file, for Java and .NET; and the root as PEM.
    P12 {
        /// Protects the file.
        password: &'a str,
    },
}

impl Kit<'_> {
    /// Writes the kit; nothing is overwritten.
    pub(super) fn write(&self, directory: &Path, format: Format<'_>) -> Result<Vec<PathBuf>, Failure> {
        fs::create_dir_all(directory).map_err(|error| Failure::file(directory, &error))?;
        let kit = json!({ "thing": self.name, "client_id": self.name, "host": self.host, "port": self.port });
        let text = |text: &str| text.as_bytes().to_vec();
        let mut files = vec![("kit.json", format!("{kit:#}\n").into_bytes(), false)];
        match format {
            Format::Pem => {
                files.push(("certificate.pem", text(self.certificate), false));
                files.push(("private.key", text(self.private_key), true));
                files.push(("root-ca.pem", text(self.root_ca), false));
            }
            Format::CHeader => files.push(("device_kit.h", self.c_header().into_bytes(), true)),
            Format::P12 { password } => {
                files.push(("device.p12", self.pkcs12(password)?, true));
                files.push(("root-ca.pem", text(self.root_ca), false));
            }
        }
        files
            .into_iter()
            .map(|(name, contents, secret)| {
                let path = directory.join(name);
                write_new(&path, &contents, secret)?;
                Ok(path)
            })
            .collect()
    }

    /// The commands to paste, for a kit in PEM files: subscribe, then publish.
    pub(super) fn commands(&self, directory: &Path) -> [String; 2] {
        let Self { name, .. } = self;
        [
            format!("mosquitto_sub {} -i {name} -q 1 -v -C 1 -t '{name}/hello'", self.connection(directory)),
            format!(
                "mosquitto_pub {} -i {name}-terminal -q 1 -t '{name}/hello' -m '{{\"hello\":\"world\"}}'",
                self.connection(directory)
            ),
        ]
    }

    /// A command that the kit's policy refuses.
    pub(super) fn refused_command(&self, directory: &Path) -> String {
        let Self { name, .. } = self;
        format!("mosquitto_pub {} -i {name} -q 1 -t 'elsewhere/hello' -m hi", self.connection(directory))
    }

    fn connection(&self, directory: &Path) -> String {
        let dir = shell_quoted(&directory.display().to_string());
        let Self { host, port, .. } = self;
        format!(
            "-h {host} -p {port} --cafile {dir}/root-ca.pem --cert {dir}/certificate.pem --key {dir}/private.key"
        )
    }

    fn pkcs12(&self, password: &str) -> Result<Vec<u8>, Failure> {
        let Self { name, certificate, private_key, root_ca, .. } = *self;
        let store = Pkcs12 { alias: name, certificate, private_key, root_ca };
        store
            .encode(password, &Ids::random())
            .map_err(|error| Failure::new(format!("the PKCS#12 file cannot be made: {error}")))
    }

    fn c_header(&self) -> String {
        let literal = |text: &str| {
            let lines = text.lines().map(|line| format!("    \"{line}\\n\""));
            lines.collect::<Vec<_>>().join(" \\\n")
        };
        format!(
            "/* Device kit of {name}. */\n#ifndef DEVICE_KIT_H\n#define DEVICE_KIT_H\n\n\
             #define DEVICE_KIT_CLIENT_ID \"{name}\"\n#define DEVICE_KIT_HOST \"{host}\"\n#define DEVICE_KIT_PORT {port}\n\n\
             #define DEVICE_KIT_ROOT_CA \\\n{ca}\n\n#define DEVICE_KIT_CERTIFICATE \\\n{certificate}\n\n\
             #define DEVICE_KIT_PRIVATE_KEY \\\n{key}\n\n#endif\n",
            name = self.name,
            host = self.host,
            port = self.port,
            ca = literal(self.root_ca),
            certificate = literal(self.certificate),
            key = literal(self.private_key),
        )
    }
}

fn write_new(path: &Path, contents: &[u8], secret: bool) -> Result<(), Failure> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if secret {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    #[cfg(not(unix))]
    let _ = secret;
    let mut file = options.open(path).map_err(|error| Failure::file(path, &error))?;
    file.write_all(contents).map_err(|error| Failure::file(path, &error))
}

fn shell_quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    if text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

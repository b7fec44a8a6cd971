//! mosquitto as the yardstick: a plain listener and one with client certificates and an access control list.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::Outcome;
use crate::certificates::Certificates;

pub(crate) fn configure(
    start: &mut Command,
    directory: &Path,
    certificates: &Certificates,
    plain: u16,
    mutual_tls: u16,
) -> Outcome<()> {
    fs::create_dir_all(directory)?;
    let path = |name: &str| directory.join(name).display().to_string();
    for (name, text) in [
        ("ca.pem", certificates.ca.as_str()),
        ("server.pem", &certificates.server),
        ("server.key", &certificates.server_key),
        ("acl", "user device\ntopic readwrite bench/#\n"),
        ("password", ""),
    ] {
        fs::write(path(name), text)?;
    }
    let configuration = format!(
        "per_listener_settings true\n\
         user root\n\
         log_dest none\n\
         set_tcp_nodelay true\n\
         max_inflight_messages 100\n\
         max_queued_messages 100000\n\
         \n\
         listener {plain} 127.0.0.1\n\
         allow_anonymous true\n\
         \n\
         listener {mutual_tls} 127.0.0.1\n\
         cafile {}\n\
         certfile {}\n\
         keyfile {}\n\
         require_certificate true\n\
         use_identity_as_username true\n\
         acl_file {}\n",
        path("ca.pem"),
        path("server.pem"),
        path("server.key"),
        path("acl"),
    );
    fs::write(path("mosquitto.conf"), configuration)?;
    start.args(["-c", &path("mosquitto.conf")]);
    Ok(())
}

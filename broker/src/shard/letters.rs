//! Opening letters.

use std::sync::Arc;

use thingstead_core::{CertificateId, Scope};
use thingstead_mqtt_wire::ReasonCode;

use super::Shard;
use super::mail::{Mail, Target};
use crate::ending::{Ending, Reason};
use crate::router::route::{Frames, Journey};
use crate::session::Delivery;
use crate::slots::{Key, Slots};

impl Shard {
    /// Does what a letter asks for.
    pub(crate) fn open_letter(&mut self, mail: Mail) {
        match mail {
            // These need a task and are opened by the thread.
            Mail::Listen(..) | Mail::Knocked(_) | Mail::Arrived(_) | Mail::Settle(_) => {}
            Mail::Publish(publication) => {
                self.route(publication, Journey::default());
            }
            Mail::Deliver { publication, targets } => {
                let mut frames = Frames::default();
                for Target { session, qos, row } in targets {
                    let delivery = Delivery::live(Arc::clone(&publication), qos, row);
                    self.deliver(session, delivery, &mut frames);
                }
            }
            Mail::Share { publication, group, candidates, row } => {
                self.share(publication, group, candidates, row);
            }
            Mail::GroupReady(session) => self.send_stored_soon(session),
            Mail::Durable { held, outcome } => self.release(held, &outcome),
            Mail::CertificateGone { scope, certificate } => self.close_certificate(&scope, &certificate),
            Mail::Errand(errand) => errand.run(),
            Mail::Ask(ask) => ask(self),
            Mail::CloseAll { forget, done } => {
                self.close_all(forget);
                // Whoever asked may have stopped waiting.
                let _ = done.send(());
            }
        }
    }

    /// POLICY-480, POLICY-481, MQTT-036.
    fn close_certificate(&mut self, scope: &Scope, certificate: &CertificateId) {
        let gone: Vec<Key> = self
            .connections
            .iter()
            .filter(|(_, connection)| {
                let identity = &connection.peer.identity;
                identity.principal.certificate() == Some(certificate) && identity.scope == *scope
            })
            .map(|(key, _)| key)
            .collect();
        for key in gone {
            self.end(key, Ending::not_authorized(format!("certificate `{certificate}` is no longer ACTIVE")));
        }
    }

    /// Ends every connection; with `forget` also every session and everything remembered, without Wills or events.
    fn close_all(&mut self, forget: bool) {
        if forget {
            let connections = std::mem::take(&mut self.connections);
            for key in connections.keys() {
                if let Some(waker) = connections.get(key).and_then(|connection| connection.waker.as_ref()) {
                    waker.wake_by_ref();
                }
            }
            // Keys of the old connections must not fit new ones: the generations go on where they were.
            self.connections = Slots::after(connections);
            self.sessions = Slots::after(std::mem::take(&mut self.sessions));
            self.by_name.clear();
            self.remembered.clear();
            self.departed.clear();
            self.turn.dirty.clear();
            self.turn.held.clear();
            self.turn.requests.clear();
            return;
        }
        for key in self.connections.keys() {
            let ending = Ending::new(Reason::ServerInitiated, "the server stops");
            self.end(key, ending.telling(ReasonCode::ServerShuttingDown));
        }
        self.save_departed();
    }
}

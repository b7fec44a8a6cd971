//! What a v5 client is told in words: the reason the journal keeps, where the client wants to hear it (MQTT-079).

use std::sync::Arc;

use thingstead_mqtt_wire::{AckProperties, Connect};

/// How much a client may be told in words. MQTT 3.1.1 has no place for any.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wording {
    /// Request Problem Information.
    wanted: bool,
    /// The client takes no larger packet.
    packet_limit: usize,
}

impl Wording {
    /// As CONNECT asks for it.
    pub(crate) fn of(connect: &Connect) -> Self {
        let told = &connect.properties;
        Self {
            wanted: connect.version.is_v5() && told.request_problem_information.unwrap_or(true),
            packet_limit: told.maximum_packet_size.map_or(usize::MAX, |bytes| bytes as usize),
        }
    }

    /// The Reason String for a refusal. A long reason is cut: small devices read acknowledgements into small buffers, and the
    /// journal has all of it. `None` where the client asked for no words or the packet would be too large for it.
    pub(crate) fn say(self, why: &str) -> Option<Arc<str>> {
        if !self.wanted || why.is_empty() || why.contains('\0') {
            return None;
        }
        let text = why.get(..why.floor_char_boundary(LONGEST))?;
        (text.len() + AROUND <= self.packet_limit).then(|| text.into())
    }

    /// The same as the properties of an acknowledgement.
    pub(crate) fn properties(self, why: &str) -> Option<Box<AckProperties>> {
        self.say(why).map(|text| Box::new(AckProperties::with_reason_string(text)))
    }
}

/// Bytes of a Reason String.
const LONGEST: usize = 512;

/// Bytes of a packet around its Reason String, the reason codes of the most filters included.
const AROUND: usize = 32;

#[cfg(test)]
mod tests {
    use thingstead_mqtt_wire::Version;

    use super::*;

    fn asking(change: impl FnOnce(&mut Connect)) -> Wording {
        let mut connect = Connect::new(Version::V5, "pump-17", 60);
        change(&mut connect);
        Wording::of(&connect)
    }

    // MQTT-079
    #[test]
    fn words_are_for_those_who_want_them() {
        let rows = [
            (asking(|_| {}), Some("no")),
            (asking(|connect| connect.properties.request_problem_information = Some(true)), Some("no")),
            (asking(|connect| connect.properties.request_problem_information = Some(false)), None),
            (asking(|connect| connect.version = Version::V311), None),
            (asking(|connect| connect.properties.maximum_packet_size = Some(34)), Some("no")),
            (asking(|connect| connect.properties.maximum_packet_size = Some(33)), None),
        ];
        for (wording, expected) in rows {
            assert_eq!(wording.say("no").as_deref(), expected, "{wording:?}");
        }
    }

    #[test]
    fn long_reasons_are_cut_between_characters() {
        let wording = asking(|_| {});
        let said = wording.say(&format!("{}ä", "x".repeat(LONGEST - 1))).map(|text| text.len());
        assert_eq!(said, Some(LONGEST - 1));
        assert_eq!(wording.say("zero \0 byte"), None);
        assert_eq!(wording.say(""), None);
    }
}

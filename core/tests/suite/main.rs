//! What strangers may send to the pure parts.

#[cfg(test)]
mod any_signed;

#[cfg(test)]
mod tests {
    use thingstead_core::Ids;

    use crate::any_signed::any_signed;

    #[test]
    fn any_text_may_claim_to_be_signed() {
        // MQTT-012, MQTT-013, MQTT-014
        let signed = "/mqtt\nX-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKID%2F20150830%2Fus-east-1%2Fiotdevicegateway%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=300&X-Amz-SignedHeaders=host&X-Amz-Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
        let header = "/\na=b\nAWS4-HMAC-SHA256 Credential=AKID/20150830/us-east-1/iotdata/aws4_request, SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31\n20150830T123600Z\nSun, 30 Aug 2015 12:36:00 GMT\nexample.com";
        any_signed(signed);
        any_signed(header);
        let ids = Ids::seeded(0x516);
        let below = |bound: usize| usize::try_from(ids.below(bound as u64)).expect("small");
        for round in 0..4000 {
            let mut bytes = [signed, header][round % 2].as_bytes().to_vec();
            for _ in 0..=below(6) {
                let at = below(bytes.len());
                match below(4) {
                    0 => bytes[at] = u8::try_from(below(256)).expect("a byte"),
                    1 => bytes.truncate(at.max(1)),
                    2 => bytes.insert(at, b"%/;=&, \n0Z\xc3"[below(11)]),
                    _ => {
                        let piece = bytes[at..].to_vec();
                        bytes.extend_from_slice(&piece[..piece.len().min(40)]);
                    }
                }
            }
            any_signed(&String::from_utf8_lossy(&bytes));
        }
    }
}

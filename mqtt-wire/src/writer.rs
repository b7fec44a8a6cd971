//! Writes the data types of the protocol (1.5); what does not fit is an error, never a cut.

use bytes::BufMut;
use smallvec::SmallVec;

use crate::property::{Properties, Property};
use crate::{EncodeError, MAX_REMAINING_LENGTH, PacketId};

/// A packet without its fixed header, under construction.
#[derive(Debug, Default)]
pub(crate) struct Body {
    bytes: SmallVec<[u8; 256]>,
}

impl Body {
    pub(crate) fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub(crate) fn u16(&mut self, value: u16) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn packet_id(&mut self, id: PacketId) {
        self.u16(id.get());
    }

    pub(crate) fn variable(&mut self, field: &'static str, value: u32) -> Result<(), EncodeError> {
        let bytes = usize::try_from(value).unwrap_or(usize::MAX);
        if bytes > MAX_REMAINING_LENGTH {
            return Err(EncodeError::FieldTooLong { field, bytes });
        }
        self.bytes.extend(VariableBytes::of(bytes));
        Ok(())
    }

    pub(crate) fn binary(&mut self, field: &'static str, bytes: &[u8]) -> Result<(), EncodeError> {
        let Ok(length) = u16::try_from(bytes.len()) else {
            return Err(EncodeError::FieldTooLong { field, bytes: bytes.len() });
        };
        self.u16(length);
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    pub(crate) fn string(&mut self, field: &'static str, text: &str) -> Result<(), EncodeError> {
        if text.as_bytes().contains(&0) {
            return Err(EncodeError::Nul { field });
        }
        self.binary(field, text.as_bytes())
    }

    /// The property length and the properties.
    pub(crate) fn properties(&mut self, properties: &impl Properties) -> Result<(), EncodeError> {
        let mut list = Self::default();
        let mut outcome = Ok(());
        properties.visit(&mut |property: Property<'_>| {
            if outcome.is_ok() {
                outcome = property.write(&mut list);
            }
        });
        outcome?;
        self.bytes.extend(VariableBytes::of(list.len_checked()?));
        self.bytes.extend_from_slice(&list.bytes);
        Ok(())
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    fn len_checked(&self) -> Result<usize, EncodeError> {
        match self.bytes.len() {
            bytes if bytes > MAX_REMAINING_LENGTH => Err(EncodeError::PacketTooLong { bytes }),
            length => Ok(length),
        }
    }

    /// Appends the whole frame.
    pub(crate) fn frame(self, first: u8, out: &mut impl BufMut) -> Result<(), EncodeError> {
        let length = self.len_checked()?;
        out.put_u8(first);
        for byte in VariableBytes::of(length) {
            out.put_u8(byte);
        }
        out.put_slice(&self.bytes);
        Ok(())
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes
    }
}

/// The bytes of a variable byte integer; the value must not exceed [`MAX_REMAINING_LENGTH`].
pub(crate) struct VariableBytes {
    left: usize,
    done: bool,
}

impl VariableBytes {
    pub(crate) const fn of(value: usize) -> Self {
        Self { left: value, done: false }
    }
}

impl Iterator for VariableBytes {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        if self.done {
            return None;
        }
        let low = (self.left & 0x7F) as u8;
        self.left >>= 7;
        self.done = self.left == 0;
        Some(if self.done { low } else { low | 0x80 })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (1, Some(4))
    }
}

//! Reads the data types of the protocol (1.5) from one frame; every failure names the field.

use crate::error::Section;
use crate::{DecodeError, PacketId};

/// What is left of a frame.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) const fn len(&self) -> usize {
        self.rest.len()
    }

    pub(crate) fn take(&mut self, length: usize, field: &'static str) -> Result<&'a [u8], DecodeError> {
        let Some((taken, rest)) = self.rest.split_at_checked(length) else {
            let detail =
                format!("{field} needs {length} bytes, but the packet ends after {}", self.rest.len());
            return Err(DecodeError::malformed(Section::REMAINING_LENGTH, detail));
        };
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], DecodeError> {
        let Some((taken, rest)) = self.rest.split_first_chunk::<N>() else {
            let detail = format!("{field} needs {N} bytes, but the packet ends after {}", self.rest.len());
            return Err(DecodeError::malformed(Section::REMAINING_LENGTH, detail));
        };
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        self.array::<1>(field).map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self, field: &'static str) -> Result<u16, DecodeError> {
        self.array(field).map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        self.array(field).map(u32::from_be_bytes)
    }

    /// A variable byte integer in as few bytes as possible: 0 to 268,435,455.
    pub(crate) fn variable(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        let mut value = 0;
        for index in 0..4 {
            let byte = self.u8(field)?;
            value |= u32::from(byte & 0x7F) << (7 * index);
            if byte & 0x80 != 0 {
                continue;
            }
            if byte == 0 && index > 0 {
                let detail = format!("{field} is not encoded in as few bytes as possible");
                return Err(DecodeError::malformed(Section::VARIABLE_BYTE_INTEGER, detail));
            }
            return Ok(value);
        }
        Err(DecodeError::malformed(Section::VARIABLE_BYTE_INTEGER, format!("{field} has more than 4 bytes")))
    }

    pub(crate) fn binary(&mut self, field: &'static str) -> Result<&'a [u8], DecodeError> {
        let length = usize::from(self.u16(field)?);
        if length > self.rest.len() {
            let detail = format!("{field} says it has {length} bytes, but only {} are left", self.rest.len());
            return Err(DecodeError::malformed(Section::BINARY, detail));
        }
        self.take(length, field)
    }

    pub(crate) fn string(&mut self, field: &'static str) -> Result<&'a str, DecodeError> {
        text(self.binary(field)?, field)
    }

    pub(crate) fn packet_id(&mut self) -> Result<PacketId, DecodeError> {
        PacketId::new(self.u16("packet identifier")?).ok_or_else(|| {
            DecodeError::protocol(Section::PACKET_IDENTIFIER, "packet identifier is 0; it must be 1 to 65535")
        })
    }

    /// Nothing may be left.
    pub(crate) fn end(&self, section: Section) -> Result<(), DecodeError> {
        match self.rest.len() {
            0 => Ok(()),
            left => {
                Err(DecodeError::malformed(section, format!("{left} bytes follow the packet's last field")))
            }
        }
    }
}

/// UTF-8 without U+0000.
pub(crate) fn text<'a>(bytes: &'a [u8], field: &'static str) -> Result<&'a str, DecodeError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let detail = format!("{field} is not UTF-8 from byte {} on", error.valid_up_to());
        DecodeError::malformed(Section::UTF8, detail)
    })?;
    if bytes.contains(&0) {
        let detail = format!("{field} contains the character U+0000");
        return Err(DecodeError::malformed(Section::UTF8, detail));
    }
    Ok(text)
}

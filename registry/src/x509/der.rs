//! The few DER forms that issuing a certificate needs.

/// Tag, length and contents.
pub(crate) fn tlv(tag: u8, contents: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = contents.len();
    if length < 0x80 {
        out.push(length as u8);
    } else {
        let bytes = length.to_be_bytes();
        let significant: Vec<u8> = bytes.into_iter().skip_while(|b| *b == 0).collect();
        out.push(0x80 | significant.len() as u8);
        out.extend(significant);
    }
    out.extend_from_slice(contents);
    out
}

pub(crate) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

/// A positive INTEGER of big-endian bytes.
pub(crate) fn integer(bytes: &[u8]) -> Vec<u8> {
    let mut contents: Vec<u8> = bytes.iter().copied().skip_while(|b| *b == 0).collect();
    if contents.first().is_none_or(|first| first & 0x80 != 0) {
        contents.insert(0, 0);
    }
    tlv(0x02, &contents)
}

pub(crate) fn octets(contents: &[u8]) -> Vec<u8> {
    tlv(0x04, contents)
}

/// A BIT STRING without unused bits.
pub(crate) fn bits(contents: &[u8]) -> Vec<u8> {
    tlv(0x03, &[&[0], contents].concat())
}

/// The contents of the TLV at the beginning, and what follows it; `None` when it is cut short.
pub(crate) fn take(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = input.get(1..)?.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        (bytes.iter().try_fold(0usize, |sum, b| sum.checked_mul(256)?.checked_add(usize::from(*b)))?, rest)
    };
    rest.split_at_checked(length)
}

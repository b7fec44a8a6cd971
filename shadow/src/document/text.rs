//! Short byte strings that live inside their owner.

/// A JSON token: up to 22 bytes inline, longer ones on the heap, so that an ordinary document is copied without one
/// allocation a member.
#[derive(Clone)]
pub(super) enum Text {
    /// `bytes` up to `len`.
    Inline { len: u8, bytes: [u8; INLINE] },
    /// All of it.
    Heap(Box<[u8]>),
}

const INLINE: usize = 22;

impl Text {
    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Inline { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Self::Heap(bytes) => bytes,
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Inline { len, .. } => usize::from(*len),
            Self::Heap(bytes) => bytes.len(),
        }
    }
}

impl Text {
    /// The token of `len` bytes at the beginning of `input`. A copy of fixed length is several times quicker than one of
    /// the token's, so what follows the token comes along and is never looked at.
    pub(super) fn at_start_of(input: &[u8], len: usize) -> Self {
        match (input.first_chunk::<INLINE>(), u8::try_from(len)) {
            (Some(bytes), Ok(len)) if usize::from(len) <= INLINE => Self::Inline { len, bytes: *bytes },
            _ => Self::from(input.get(..len).unwrap_or_default()),
        }
    }
}

impl From<&[u8]> for Text {
    fn from(token: &[u8]) -> Self {
        let mut bytes = [0; INLINE];
        match (bytes.get_mut(..token.len()), u8::try_from(token.len())) {
            (Some(inline), Ok(len)) => {
                inline.copy_from_slice(token);
                Self::Inline { len, bytes }
            }
            _ => Self::Heap(token.into()),
        }
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.as_bytes()))
    }
}

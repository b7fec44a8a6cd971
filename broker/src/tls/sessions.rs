//! Sessions that clients may resume: TLS 1.2 by session id, TLS 1.3 by a pre-shared key. They are kept in memory; the SessionTicket
//! extension is not offered (MQTT-029, AUTH-016).

use std::collections::{HashMap, VecDeque};
use std::fmt;

use parking_lot::Mutex;
use rustls::server::StoresServerSessions;

/// A bounded memory of sessions; the oldest goes first. What it holds proves nothing: whoever resumes is judged by the
/// certificate of the session again.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    by_id: HashMap<Vec<u8>, Vec<u8>>,
    /// Oldest first; names sessions that are gone, too.
    order: VecDeque<Vec<u8>>,
    bytes: usize,
}

impl Kept {
    fn remove(&mut self, id: &[u8]) -> Option<Vec<u8>> {
        let (id, session) = self.by_id.remove_entry(id)?;
        self.bytes -= id.len() + session.len();
        Some(session)
    }

    fn make_room(&mut self, size: usize) {
        while self.bytes + size > MOST_BYTES {
            let Some(oldest) = self.order.pop_front() else { return };
            self.remove(&oldest);
        }
        if self.order.len() > 2 * self.by_id.len() + 64 {
            let Self { by_id, order, .. } = self;
            order.retain(|id| by_id.contains_key(id));
        }
    }
}

impl StoresServerSessions for Sessions {
    fn put(&self, id: Vec<u8>, session: Vec<u8>) -> bool {
        let size = id.len() + session.len();
        // A client with a long chain shakes hands anew each time.
        if size > LONGEST {
            return false;
        }
        let mut kept = self.0.lock();
        kept.remove(&id);
        kept.make_room(size);
        kept.bytes += size;
        kept.order.push_back(id.clone());
        kept.by_id.insert(id, session);
        true
    }

    fn get(&self, id: &[u8]) -> Option<Vec<u8>> {
        self.0.lock().by_id.get(id).cloned()
    }

    fn take(&self, id: &[u8]) -> Option<Vec<u8>> {
        self.0.lock().remove(id)
    }

    fn can_cache(&self) -> bool {
        true
    }
}

impl fmt::Debug for Sessions {
    /// Without secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sessions({})", self.0.lock().by_id.len())
    }
}

/// Of all sessions of a door.
const MOST_BYTES: usize = 1024 * 1024;
/// Of one session.
const LONGEST: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_by_bytes_and_the_oldest_goes_first() {
        let sessions = Sessions::default();
        assert!(!sessions.put(vec![0], vec![0; LONGEST]));
        for n in 0..10_000_u32 {
            let id = n.to_be_bytes().to_vec();
            assert!(sessions.put(id.clone(), vec![0; 1000]));
            if n % 2 == 0 {
                assert_eq!(sessions.take(&id).map(|session| session.len()), Some(1000));
            }
        }
        let kept = sessions.0.lock();
        assert_eq!(kept.bytes, kept.by_id.len() * 1004);
        assert!(kept.bytes <= MOST_BYTES && kept.bytes > MOST_BYTES - 2000);
        assert!(kept.order.len() <= 2 * kept.by_id.len() + 65);
        drop(kept);
        assert_eq!(sessions.get(&1_u32.to_be_bytes()), None);
        assert!(sessions.get(&9_999_u32.to_be_bytes()).is_some());
        assert_eq!(sessions.take(&9_998_u32.to_be_bytes()), None);
    }
}

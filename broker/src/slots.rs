//! Numbered places whose numbers are not mistaken for each other when they are used again.

/// The address of a value in a [`Slots`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// Which place.
    pub(crate) slot: u32,
    /// Which of the values that lay there.
    pub(crate) generation: u32,
}

/// Values at places that are reused, with generations so that an old [`Key`] finds nothing.
pub(crate) struct Slots<T> {
    places: Vec<Place<T>>,
    free: Vec<u32>,
}

struct Place<T> {
    generation: u32,
    value: Option<T>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { places: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slots<T> {
    /// Puts a value into a free place; `make` learns where.
    pub(crate) fn insert_with(&mut self, make: impl FnOnce(Key) -> T) -> Key {
        let slot = self.free.pop().unwrap_or_else(|| {
            let slot = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
            self.places.push(Place { generation: 0, value: None });
            slot
        });
        let generation = self.places.get(slot as usize).map_or(0, |place| place.generation);
        let key = Key { slot, generation };
        if let Some(place) = self.places.get_mut(slot as usize) {
            place.value = Some(make(key));
        }
        key
    }

    /// The value, if it is still there.
    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        let place = self.places.get(key.slot as usize)?;
        if place.generation == key.generation { place.value.as_ref() } else { None }
    }

    /// The value, if it is still there.
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let place = self.places.get_mut(key.slot as usize)?;
        if place.generation == key.generation { place.value.as_mut() } else { None }
    }

    /// Takes the value out.
    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let place = self.places.get_mut(key.slot as usize)?;
        if place.generation != key.generation {
            return None;
        }
        let value = place.value.take()?;
        place.generation = place.generation.wrapping_add(1);
        self.free.push(key.slot);
        Some(value)
    }

    /// Empty places that continue the generations of others, which are dropped with what is in them.
    pub(crate) fn after(others: Self) -> Self {
        let places: Vec<Place<T>> = others
            .places
            .into_iter()
            .map(|place| Place { generation: place.generation.wrapping_add(1), value: None })
            .collect();
        let free = (0u32..).zip(&places).map(|(slot, _)| slot).collect();
        Self { places, free }
    }

    /// Everything that is there.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        (0u32..).zip(&self.places).filter_map(|(slot, place)| {
            Some((Key { slot, generation: place.generation }, place.value.as_ref()?))
        })
    }

    /// The keys of everything that is there.
    pub(crate) fn keys(&self) -> Vec<Key> {
        self.iter().map(|(key, _)| key).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_key_finds_nothing_in_a_reused_place() {
        let mut slots = Slots::default();
        let first = slots.insert_with(|_| 'a');
        assert_eq!(slots.remove(first), Some('a'));
        let second = slots.insert_with(|_| 'b');
        assert_eq!((second.slot, slots.get(first)), (first.slot, None));
        assert_eq!(slots.get(second), Some(&'b'));
        assert_eq!(slots.remove(first), None);
        assert_eq!(slots.keys(), [second]);
    }
}

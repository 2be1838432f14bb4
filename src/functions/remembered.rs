//! What a thread has read before: patterns and paths are most often those of the row before.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::Hash;
use std::rc::Rc;

/// Texts that one thread remembers, for each kind of them.
const REMEMBERED: usize = 32;

/// Values by the text, and whatever else says how to read it.
pub(super) struct Remembered<K, V>(RefCell<HashMap<K, Rc<V>>>);

impl<K: Eq + Hash, V> Remembered<K, V> {
    pub(super) fn new() -> Self {
        Self(RefCell::new(HashMap::new()))
    }

    /// The value of a key, read now where it is not known.
    pub(super) fn get<E>(&self, key: K, read: impl FnOnce(&K) -> Result<V, E>) -> Result<Rc<V>, E> {
        if let Some(known) = self.0.borrow().get(&key) {
            return Ok(Rc::clone(known));
        }
        let value = Rc::new(read(&key)?);
        let mut known = self.0.borrow_mut();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(key, Rc::clone(&value));
        Ok(value)
    }
}

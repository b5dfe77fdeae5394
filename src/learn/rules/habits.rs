//! The rules on habits, in one list.

use super::Rule;
use super::edits::Edits;

/// A fresh set of them for one thread of one session.
pub fn habits() -> Vec<Box<dyn Rule>> {
    vec![Box::new(Edits::default())]
}

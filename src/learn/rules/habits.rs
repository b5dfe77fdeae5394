//! The rules on habits, in one list.

use super::Rule;
use super::big::Big;
use super::corrections::Corrections;
use super::edits::Edits;
use super::loops::Loops;
use super::originals::Originals;
use super::window::Window;

/// A fresh set of them for one thread of one session.
pub fn habits() -> Vec<Box<dyn Rule>> {
    vec![
        Box::new(Edits::default()),
        Box::new(Loops::default()),
        Box::new(Big::default()),
        Box::new(Originals::default()),
        Box::new(Window::default()),
        Box::new(Corrections::default()),
    ]
}

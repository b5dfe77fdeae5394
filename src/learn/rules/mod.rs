//! One file a rule: what it looks for among the recent moments of a thread, and what it notes.

mod big;
mod commands;
mod corrections;
mod denied;
mod edits;
#[cfg(test)]
mod golden;
mod habits;
mod lines;
mod loops;
mod noted;
mod originals;
pub(super) mod paths;
#[cfg(test)]
mod stage;
mod window;

pub use habits::habits;

use super::lesson::Occurrence;
use super::step::Recent;

/// A rule, with what it remembers of one thread of one session.
pub trait Rule {
    /// Looks at the latest moment of `recent`, among those before it.
    fn see(&mut self, recent: &Recent, found: &mut Vec<Occurrence>);

    /// The thread has ended.
    fn end(&mut self, _recent: &Recent, _found: &mut Vec<Occurrence>) {}
}

/// Every rule, new, for one thread.
pub fn all() -> Vec<Box<dyn Rule>> {
    let mut rules: Vec<Box<dyn Rule>> = vec![
        Box::new(commands::Commands::default()),
        Box::new(denied::Denied),
        Box::new(paths::Paths::default()),
    ];
    rules.extend(habits());
    rules
}

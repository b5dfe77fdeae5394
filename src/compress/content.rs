//! Which kind a text is: by tool, command and shape together.

use super::{Hint, Kind};

/// The kind of `text`.
pub fn kind_of(_text: &str, _hint: &Hint<'_>) -> Kind {
    Kind::Other
}

//! What the tests of this room share.

use super::*;

/// `text` when something may be left out of it and `asked` is asked.
pub fn shortened(text: &str, asked: &str) -> String {
    let key = Key::parse("0123456789abcdef0123").unwrap();
    let hint = Hint { query: asked, ..Hint::default() };
    let made = compress(text, &hint, &Allowance::kept_under(&key)).unwrap();
    assert!(!made.left_out || made.text.matches(key.as_str()).count() == 1, "{}", made.text);
    made.text
}

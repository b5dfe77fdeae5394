//! Splits a JSON array that is still being written into its elements, for listening only.
//!
//! Gemini streams its answers so when it is not asked for events. *Invariant:*
//! holds at most [`LONGEST_EVENT`] bytes; a longer element is skipped whole.
//! *Invariant:* never fails; whether an element is JSON is its reader's to say.

use super::sse::LONGEST_EVENT;

/// Where we are in an array.
#[derive(Debug, Default)]
pub struct Elements {
    held: Vec<u8>,
    /// How many brackets are open, that of the array not counted.
    depth: usize,
    in_string: bool,
    after_backslash: bool,
    /// The element is too long; its rest is not kept.
    skipping: bool,
    begun: bool,
}

impl Elements {
    /// Takes the next bytes and calls `each` with every object that ends in them. An answer
    /// that is one object, and no array, is its only element.
    pub fn hear(&mut self, bytes: &[u8], mut each: impl FnMut(&[u8])) {
        for &byte in bytes {
            if !self.begun && self.depth == 0 && byte == b'[' {
                self.begun = true;
                continue;
            }
            if self.depth == 0 && !matches!(byte, b'{' | b'[') {
                continue;
            }
            self.begun = true;
            self.keep(byte);
            if self.in_string {
                match byte {
                    _ if self.after_backslash => self.after_backslash = false,
                    b'\\' => self.after_backslash = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        if !std::mem::take(&mut self.skipping) {
                            each(&self.held);
                        }
                        self.held.clear();
                    }
                }
                _ => {}
            }
        }
    }

    fn keep(&mut self, byte: u8) {
        if self.skipping || LONGEST_EVENT <= self.held.len() {
            self.skipping = true;
            self.held = Vec::new();
        } else {
            self.held.push(byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn heard<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
        let (mut elements, mut heard) = (Elements::default(), Vec::new());
        for piece in pieces {
            elements.hear(piece, |event| heard.push(String::from_utf8_lossy(event).into_owned()));
            assert!(elements.held.len() <= LONGEST_EVENT);
        }
        heard
    }

    #[test]
    fn elements_are_told_apart() {
        let cases: [(&str, &[&str]); 6] = [
            ("[{\"a\":1},\r\n{\"b\":[2,{}]}\n]", &["{\"a\":1}", "{\"b\":[2,{}]}"]),
            ("[{\"a\":\"}]\\\"{\"}]", &["{\"a\":\"}]\\\"{\"}"]),
            (" {\"a\":[1]} ", &["{\"a\":[1]}"]),
            ("[]", &[]),
            ("", &[]),
            ("[{\"half", &[]),
        ];
        for (stream, want) in cases {
            assert_eq!(heard([stream.as_bytes()]), want, "{stream}");
            assert_eq!(heard(stream.as_bytes().chunks(1)), want, "{stream} byte by byte");
        }
    }

    #[test]
    fn an_endless_element_is_skipped_and_the_next_one_is_heard() {
        let stream = format!("[{{\"a\":\"{}\"}},{{\"b\":2}}]", "x".repeat(2 * LONGEST_EVENT));
        assert_eq!(heard(stream.as_bytes().chunks(4096)), ["{\"b\":2}"]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(text in "[\\[\\]{}\",\\\\a ]{0,80}", piece in 1usize..9) {
            prop_assert_eq!(heard(text.as_bytes().chunks(piece)), heard([text.as_bytes()]));
        }
    }
}

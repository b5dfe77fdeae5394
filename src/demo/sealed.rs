//! What a model's thoughts look like from outside: a text that only the provider can read, and
//! that it knows again.
//!
//! *Invariant:* what was not written here, letter for letter, does not open.

const SEAL: &str = "headroom demo: what only the provider reads";

/// Seals `secret`: a MAC and the text, as hexadecimal digits. (These are valid Base64 too, as the real ones are.)
pub fn seal(secret: &str) -> String {
    let written: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    // Base64 comes in groups of four.
    let padding = if written.len().is_multiple_of(4) { "" } else { "00" };
    format!("{}{written}{padding}", mac(secret))
}

/// Opens what [`seal`] made; `None` for everything else.
pub fn open(text: &str) -> Option<String> {
    let (mac_found, written) = text.split_at_checked(64)?;
    let digits = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let mut bytes: Vec<u8> = written.as_bytes().chunks(2).map(digits).collect::<Option<_>>()?;
    if bytes.last() == Some(&0) {
        bytes.pop();
    }
    let secret = String::from_utf8(bytes).ok()?;
    (seal(&secret) == text && mac(&secret) == mac_found).then_some(secret)
}

fn mac(secret: &str) -> String {
    let mut hasher = blake3::Hasher::new_derive_key(SEAL);
    hasher.update(secret.as_bytes());
    hasher.finalize().to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_and_what_was_altered_does_not() {
        for secret in ["", "a", "ab", "Think, then act.", "größer als 12 €"] {
            let sealed = seal(secret);
            assert_eq!(sealed.len() % 4, 0);
            assert_eq!(open(&sealed).as_deref(), Some(secret));
            assert_eq!(open(&sealed.replacen(&sealed[..1], "g", 1)), None);
            assert_eq!(open(&format!("{sealed}00")), None);
        }
        assert_eq!(open("short"), None);
    }
}

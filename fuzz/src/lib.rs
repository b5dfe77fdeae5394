//! What the fuzz targets share: a text made from a recipe, and the laws that must hold of what comes of it.

use headroom::compress::{self, Allowance, Effort, Hint, Shortened, laws, worth_it};
use headroom::refusal::Refusal;
use headroom::tokens;
use headroom::units::Key;

/// A compressor.
pub type Compressor = fn(&str, &Hint<'_>, &Allowance<'_>) -> Result<Shortened, Refusal>;

/// Bytes of a text at most: a run must get through thousands in a second.
const LONGEST: usize = 64 << 10;

/// Takes whatever compressor the text's own shape asks for.
pub fn any(text: &str, hint: &Hint<'_>, allowance: &Allowance<'_>) -> Result<Shortened, Refusal> {
    compress::compress(text, hint, allowance).map_err(|(_, because)| because)
}

/// Makes a text of `recipe`, lets `compressor` loose on it, and holds the result against the laws.
///
/// # Panics
/// When a law is broken.
pub fn hold(compressor: Compressor, recipe: &[u8]) {
    let Some((&switches, recipe)) = recipe.split_first() else { return };
    let text = cooked(recipe);
    let key = Key::parse("0123456789abcdef0123").expect("a key");
    let effort = if switches & 2 == 0 { Effort::Balanced } else { Effort::Aggressive };
    let allowance = match switches & 1 {
        0 => Allowance { effort, ..Allowance::kept_under(&key) },
        _ => Allowance::lossless(),
    };
    let question = text.get(..64).unwrap_or_default();
    let query = if switches & 4 == 0 { "" } else { question };
    let hint = Hint { query, failed: switches & 8 != 0, ..Hint::default() };
    let made = compressor(&text, &hint, &allowance);
    let again = compressor(&text, &hint, &allowance);
    match (made, again) {
        (Ok(made), Ok(again)) => {
            assert_eq!(made.text, again.text, "the same twice");
            // What is not worth it is refused by whoever called.
            if worth_it(tokens::count(&text), tokens::count(&made.text), made.left_out) {
                laws::holds(&text, &made, &allowance).expect("every law holds");
            }
        }
        (Err(made), Err(again)) => assert_eq!(made, again, "the same refusal twice"),
        _ => panic!("refused once only"),
    }
}

/// A long text of a short recipe: `0xff` and a count repeat what follows up to the next `0xff`; in it,
/// `0xfe` stands for the number of the repetition, `0xfd` for a number that jumps.
fn cooked(recipe: &[u8]) -> String {
    let mut bytes = Vec::new();
    for (order, part) in recipe.split(|&byte| byte == 0xff).enumerate() {
        let (times, part) = match (order, part.split_first()) {
            (0, _) | (_, None) => (1, part),
            (_, Some((&times, part))) => (usize::from(times) * 4, part),
        };
        for number in 0..times {
            for &byte in part {
                match byte {
                    0xfe => bytes.extend_from_slice(number.to_string().as_bytes()),
                    0xfd => bytes.extend_from_slice((number * 7919 % 1_000).to_string().as_bytes()),
                    byte => bytes.push(byte),
                }
            }
            if LONGEST <= bytes.len() {
                break;
            }
        }
    }
    bytes.truncate(LONGEST);
    String::from_utf8_lossy(&bytes).into_owned()
}

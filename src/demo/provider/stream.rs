//! An answer cut into the events of a stream.

use serde_json::Value;

/// `text` in pieces of a few words, as a model says it.
pub(super) fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    let all: Vec<&str> = text.split_inclusive(' ').collect();
    all.chunks(4).map(<[&str]>::concat).collect::<Vec<_>>().into_iter()
}

/// A server-sent event with a name.
pub(super) fn named(name: &str, data: &Value) -> Vec<u8> {
    format!("event: {name}\ndata: {data}\n\n").into_bytes()
}

/// A server-sent event without a name.
pub(super) fn nameless(data: &Value) -> Vec<u8> {
    format!("data: {data}\n\n").into_bytes()
}

/// One JSON array, an element a part.
pub(super) fn array(elements: &[Value]) -> Vec<Vec<u8>> {
    let opened = elements.iter().enumerate().map(|(at, element)| {
        let before = if at == 0 { "[" } else { ",\r\n" };
        format!("{before}{element}").into_bytes()
    });
    opened.chain([b"\n]\n".to_vec()]).collect()
}

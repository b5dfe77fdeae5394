//! Many requests in one body: what is handed in as a batch.
//!
//! Three forms, known by their shape: Anthropic's `{"requests": [{"params": …}]}`,
//! Gemini's `{"batch": {"input_config": {"requests": {"requests": [{"request": …}]}}}}`,
//! and OpenAI's file of lines `{"url", "body": …}`, bare or inside a multipart upload
//! with the purpose `batch`. Each request in it is rewritten by itself. Nothing
//! asks back from inside a batch, so nothing is left out; what decodes exactly
//! needs no pin, and the same batch gives the same bytes.
//! *Invariant:* a request that can't be read stays as it is, and so do all bytes between.

use super::{Caller, Desk, Profile, Reach, Rewritten, Settings, WayBack, Writes, describe, rewrite, unread};
use crate::receipt::{BlockReceipt, Receipt};
use crate::refusal::Refusal;
use crate::units::{SessionId, Span};
use crate::wire::Wire;
use crate::wire::fields::Fields;
use crate::wire::json::{Node, Tree};
use bytes::Bytes;

/// How deep the requests lie in a batch at most, in values: Gemini's `request` itself is the seventh.
const DEPTH: usize = 7;

/// Sets these histories apart from those of sessions, where something may be left out.
const REALM: &str = "batch";

/// Paths, by their end, that a line of a batch may ask for.
const PATHS: &[(&str, Wire)] = &[
    ("/chat/completions", Wire::OpenAiChat),
    ("/responses", Wire::OpenAiResponses),
    ("/messages", Wire::Anthropic),
];

/// Rewrites every request in a batch. Cannot fail: at worst, the same bytes.
pub fn rewrite_batch(body: Bytes, caller: &Caller, desk: &Desk<'_>) -> Rewritten {
    let requests = requests_in(&body);
    if requests.is_empty() {
        return unread(body, caller, Refusal::Unreadable);
    }
    let session = caller.session.clone().unwrap_or_else(|| caller.run.clone());
    let mut receipt = Receipt::new(SessionId(session), caller.now);
    describe(&mut receipt, caller, body.len());
    let settings =
        Settings { profile: Profile::Lossless, way_back: WayBack::Nothing, ..desk.settings.clone() };
    let desk = Desk { settings: &settings, ..*desk };
    let mut spliced = Vec::new();
    let mut from = 0;
    for (span, wire) in requests {
        let caller = Caller {
            wire,
            session: None,
            run: REALM.to_owned(),
            writes: Writes::Nothing,
            reach: Reach::Everything,
            ..caller.clone()
        };
        let request = body.slice(span.range());
        let sent = rewrite(request.clone(), &caller, &desk);
        enter(&mut receipt, sent.receipt);
        if sent.body != request {
            spliced.extend_from_slice(&body[from..span.start]);
            spliced.extend_from_slice(&sent.body);
            from = span.end;
        }
    }
    let body = match from {
        0 => body,
        from => {
            spliced.extend_from_slice(&body[from..]);
            Bytes::from(spliced)
        }
    };
    receipt.bytes_after = body.len() as u64;
    Rewritten { body, receipt }
}

/// Adds what was done to one request: a batch may have a hundred thousand, so its receipt has one entry a kind.
fn enter(receipt: &mut Receipt, request: Receipt) {
    if receipt.model.is_empty() {
        receipt.model = request.model;
    }
    for (refusal, count) in request.refusals {
        *receipt.refusals.entry(refusal).or_default() += count;
    }
    for block in request.blocks {
        let alike = |known: &&mut BlockReceipt| {
            (&known.kind, &known.compressor, known.refusal) == (&block.kind, &block.compressor, block.refusal)
        };
        match receipt.blocks.iter_mut().find(alike) {
            Some(known) => {
                known.tokens_before += block.tokens_before;
                known.tokens_after += block.tokens_after;
            }
            // Nothing of a batch is kept under a key.
            None => receipt.blocks.push(BlockReceipt {
                path: "requests".to_owned(),
                tool: String::new(),
                key: None,
                chain: None,
                ..block
            }),
        }
    }
}

/// Where the requests of a batch stand, in order, and what they speak; empty for what is no batch.
fn requests_in(body: &[u8]) -> Vec<(Span, Wire)> {
    let whole = Span { start: 0, end: body.len() };
    match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'-') => multipart(body).map_or_else(Vec::new, |file| lines(body, file)),
        // A batch of one line is an object, too; it has no list of requests.
        Some(b'{') => match listed(body) {
            Some(found) => found,
            None => lines(body, whole),
        },
        _ => Vec::new(),
    }
}

/// The requests of a batch that is one JSON object.
fn listed(body: &[u8]) -> Option<Vec<(Span, Wire)>> {
    let tree = Tree::read_to(body, Span { start: 0, end: body.len() }, DEPTH)?;
    let root = Fields::of(&tree, tree.root())?;
    let (list, inside, wire): (Node, &[u8], Wire) = match root.one(b"requests")? {
        Some(list) => (list, b"params", Wire::Anthropic),
        None => {
            let batch = Fields::of(&tree, root.one(b"batch")??)?;
            let input = Fields::of(&tree, batch.either(&[b"input_config", b"inputConfig"])??)?;
            let requests = Fields::of(&tree, input.one(b"requests")??)?;
            (requests.one(b"requests")??, b"request", Wire::Gemini)
        }
    };
    let request = |item: Node| Some((tree.span(Fields::of(&tree, item)?.one(inside)??), wire));
    Some(tree.elements(list)?.into_iter().filter_map(request).collect())
}

/// The requests of a file of lines.
fn lines(body: &[u8], file: Span) -> Vec<(Span, Wire)> {
    let mut found = Vec::new();
    let mut start = file.start;
    while start < file.end {
        let length = memchr::memchr(b'\n', &body[start..file.end]).unwrap_or(file.end - start);
        found.extend(line(body, Span { start, end: start + length }));
        start += length + 1;
    }
    found
}

fn line(body: &[u8], line: Span) -> Option<(Span, Wire)> {
    let tree = Tree::read_to(body, line, 2)?;
    let fields = Fields::of(&tree, tree.root())?;
    let url = fields.text(b"url")??;
    let (_, wire) = PATHS.iter().find(|(end, _)| url.ends_with(end))?;
    Some((tree.span(fields.one(b"body")??), *wire))
}

/// The file in a multipart upload whose purpose is a batch (RFC 7578).
fn multipart(body: &[u8]) -> Option<Span> {
    let first = memchr::memmem::find(body, b"\r\n")?;
    let boundary = &body[..first];
    // At most 70 characters and the two hyphens (RFC 2046).
    if !boundary.starts_with(b"--") || !(3..=72).contains(&boundary.len()) {
        return None;
    }
    let mut delimiter = b"\r\n".to_vec();
    delimiter.extend_from_slice(boundary);
    let (mut file, mut is_batch) = (None, false);
    let mut start = first + 2;
    for end in memchr::memmem::find_iter(&body[first..], &delimiter).map(|at| first + at) {
        let part = body.get(start..end)?;
        start = end + delimiter.len() + 2;
        let head = memchr::memmem::find(part, b"\r\n\r\n")?;
        let content = Span { start: end - (part.len() - head - 4), end };
        let said = String::from_utf8_lossy(&part[..head]).to_ascii_lowercase();
        let named =
            |name: &str| said.contains(&format!("name=\"{name}\"")) || said.contains(&format!("name={name}"));
        if said.contains("content-transfer-encoding") && !said.contains("binary") && !said.contains("8bit") {
            return None;
        }
        if named("purpose") {
            is_batch = content.of(body).trim_ascii() == b"batch";
        } else if named("file") {
            file = Some(content);
        }
    }
    file.filter(|_| is_batch)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(body: &str) -> Vec<(&str, Wire)> {
        requests_in(body.as_bytes()).into_iter().map(|(span, wire)| (&body[span.range()], wire)).collect()
    }

    #[test]
    fn requests_are_found_in_every_form_of_a_batch() {
        let anthropic = r#"{"requests":[{"custom_id":"a","params":{"n":1}},{"custom_id":"b"},{"custom_id":"c","params":{"n":2}}]}"#;
        assert_eq!(found(anthropic), [(r#"{"n":1}"#, Wire::Anthropic), (r#"{"n":2}"#, Wire::Anthropic)]);
        for name in ["input_config", "inputConfig"] {
            let gemini = format!(
                r#"{{"batch":{{"display_name":"x","{name}":{{"requests":{{"requests":[{{"request":{{"n":1}},"metadata":{{"key":"a"}}}}]}}}}}}}}"#
            );
            assert_eq!(found(&gemini), [(r#"{"n":1}"#, Wire::Gemini)]);
        }
        let lines = "{\"custom_id\":\"a\",\"method\":\"POST\",\"url\":\"/v1/chat/completions\",\"body\":{\"n\":1}}\r\n\
            no json\n\n{\"url\":\"/v1/embeddings\",\"body\":{}}\n{\"url\":\"/v1/responses\"}\n\
            {\"url\":\"/v1/responses\",\"body\":{\"n\":2}}";
        let want = [(r#"{"n":1}"#, Wire::OpenAiChat), (r#"{"n":2}"#, Wire::OpenAiResponses)];
        assert_eq!(found(lines), want);
        let upload = |purpose: &str| {
            format!(
                "--b-1\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\n{purpose}\r\n--b-1\r\n\
                 Content-Disposition: form-data; name=\"file\"; filename=\"x.jsonl\"\r\nContent-Type: application/octet-stream\r\n\r\n\
                 {lines}\r\n--b-1--\r\n"
            )
        };
        assert_eq!(found(&upload("batch")), want);
        assert!(found(&upload("fine-tune")).is_empty());
    }

    #[test]
    fn what_is_no_batch_has_no_requests() {
        let others = [
            "",
            "-",
            "--",
            "--\r\n",
            "--b\r\n\r\n--b--",
            "--b\r\nname=\"file\"\r\n--b--\r\n",
            "{}",
            "[]",
            "{\"requests\":1}",
            "{\"requests\":[1,[],{\"params\":1,\"params\":2}]}",
            "{\"batch\":{\"input_config\":{\"file_name\":\"files/1\"}}}",
            "{\"messages\":[]}",
        ];
        for other in others {
            assert!(found(other).is_empty(), "{other}");
        }
    }
}

//! How the tools describe themselves: every word of it is in every prompt.

use super::Offers;
use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::{Value, json};

/// Gives an original back.
pub(super) const RETRIEVE: &str = "headroom_retrieve";
/// Makes a text shorter.
pub(super) const COMPRESS: &str = "headroom_compress";
/// Says what was saved.
pub(super) const STATS: &str = "headroom_stats";

/// The tools that are offered.
pub(super) fn offered(offers: Offers) -> Vec<Tool> {
    match offers {
        Offers::Retrieval => vec![retrieve()],
        Offers::Everything => vec![retrieve(), compress(), stats()],
    }
}

fn retrieve() -> Tool {
    let about = "Original of a text with a [headroom: …] marker, whole or in part: \
        lines \"10-20\"; query \"words\"; rows \"status>=500 | count by id\".";
    let takes =
        json!({"key": text(), "lines": text(), "query": text(), "rows": text(), "page": {"type": "integer"}});
    tool(RETRIEVE, about, takes, &["key"], reads())
}

fn compress() -> Tool {
    let about = "Shortens a tool's output; what is left out stays retrievable.";
    let takes = json!({"text": text(), "tool": text(), "command": text(), "query": text()});
    tool(COMPRESS, about, takes, &["text"], ToolAnnotations::new().destructive(false).open_world(false))
}

fn stats() -> Tool {
    tool(STATS, "Tokens and money headroom saved.", json!({}), &[], reads())
}

fn text() -> Value {
    json!({"type": "string"})
}

fn reads() -> ToolAnnotations {
    ToolAnnotations::new().read_only(true).open_world(false)
}

fn tool(
    name: &'static str,
    about: &'static str,
    takes: Value,
    needs: &[&str],
    notes: ToolAnnotations,
) -> Tool {
    let mut schema = JsonObject::new();
    schema.insert("type".to_owned(), "object".into());
    schema.insert("properties".to_owned(), takes);
    if !needs.is_empty() {
        schema.insert("required".to_owned(), json!(needs));
    }
    Tool::new(name, about, schema).with_annotations(notes)
}

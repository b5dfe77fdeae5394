//! How the tools describe themselves: every word of it is in every prompt.

use super::Offers;
use crate::retrieve::tool;
use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::{Value, json};

/// Gives an original back.
pub(super) const RETRIEVE: &str = crate::conversation::RETRIEVAL_TOOL;
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
    described(RETRIEVE, tool::ABOUT, tool::takes(), tool::NEEDS, reads())
}

fn compress() -> Tool {
    let about = "Shortens a tool's output; what is left out stays retrievable.";
    let takes = json!({"text": text(), "tool": text(), "command": text(), "query": text()});
    described(COMPRESS, about, takes, &["text"], ToolAnnotations::new().destructive(false).open_world(false))
}

fn stats() -> Tool {
    described(STATS, "Tokens and money headroom saved.", json!({}), &[], reads())
}

fn text() -> Value {
    json!({"type": "string"})
}

fn reads() -> ToolAnnotations {
    ToolAnnotations::new().read_only(true).open_world(false)
}

fn described(
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

//! What agents ask besides: lists of models, who is logged in, what is left of a quota.
//!
//! Answers so much that a real agent goes on to its work, and nothing that decides what it does there.

use super::http::{Request, parameter, path_of};
use super::route::Route;
use serde_json::{Value, json};

/// The answer to a side request; `None` when it is not known.
pub(super) fn answer(request: &Request) -> Option<Route> {
    let path = path_of(&request.target).trim_end_matches('/');
    if let Some((_, verb)) = path.rsplit_once("/v1internal:") {
        return Some(Route::Side(code_assist(verb)));
    }
    let get = request.method == "GET";
    if get && path.ends_with("/models") {
        return Some(Route::Side(models(request)));
    }
    if get && path.ends_with("/accounts/check") {
        return Some(Route::Side(account(request)));
    }
    // Telemetry, plugins, the person: an empty answer is a good answer.
    const EMPTY: &[&str] =
        &["/datalake/events", "/analytics-events/events", "/users/me", "/connectors/bootstrap"];
    if path.contains("/ps/plugins/") {
        return Some(Route::Side(json!({"plugins": [], "items": []})));
    }
    EMPTY.iter().any(|end| path.ends_with(end)).then(|| Route::Side(json!({})))
}

fn code_assist(verb: &str) -> Value {
    match verb {
        "loadCodeAssist" => json!({
            "currentTier": {"id": "standard-tier", "name": "Demo"},
            "allowedTiers": [{"id": "standard-tier", "name": "Demo", "isDefault": true}],
            "cloudaicompanionProject": "demo-project",
        }),
        "onboardUser" => json!({
            "name": "operations/demo",
            "done": true,
            "response": {"cloudaicompanionProject": {"id": "demo-project", "name": "demo-project"}},
        }),
        "retrieveUserQuota" => json!({"buckets": []}),
        "listExperiments" => json!({"experimentIds": [], "flags": []}),
        _ => json!({}),
    }
}

fn models(request: &Request) -> Value {
    if request.header("anthropic-version").is_some() {
        let model = |id: &str| json!({"type": "model", "id": id, "display_name": id, "created_at": "2026-01-01T00:00:00Z"});
        let models = ["claude-opus-4-8", "claude-sonnet-4-5", "claude-haiku-4-5"].map(model);
        return json!({"data": models, "has_more": false, "first_id": null, "last_id": null});
    }
    // Codex keeps to its own list when this one is empty.
    if parameter(&request.target, "client_version").is_some() {
        return json!({"models": []});
    }
    if request.target.contains("/v1beta") {
        let model = json!({
            "name": "models/gemini-3-flash", "displayName": "gemini-3-flash", "inputTokenLimit": 1_048_576,
            "outputTokenLimit": 65_536,
            "supportedGenerationMethods": ["generateContent", "countTokens"]});
        return json!({"models": [model]});
    }
    let model = |id: &str| json!({"id": id, "object": "model", "created": 1_767_225_600, "owned_by": "headroom-demo"});
    let models = ["gpt-6.1-sol", "gpt-5.1", "gpt-4o"].map(model);
    json!({"object": "list", "data": models})
}

/// The account that a ChatGPT login names.
fn account(request: &Request) -> Value {
    let id = request.header("chatgpt-account-id").unwrap_or("00000000-0000-4000-8000-000000000000");
    let account = json!({
        "id": id, "name": "demo", "structure": "personal",
        "workspace_backend_origin": "https://chatgpt.com", "account_routing_override": "NO_CONSTRAINT"});
    json!({"accounts": [account], "account_ordering": [id], "default_account_id": id})
}

//! JSON that is given to an agent on its command line: the user's and ours made one.

use serde_json::Value;

/// Merges `ours` into `theirs`: objects key by key, lists by adding what is missing, and for the rest ours wins.
/// Objects in a list that have the same `name` are the same.
///
/// Both come from files and flags of the user's and from agents' definitions, which the reader has limited to 128
/// levels; so is the depth of the work here.
pub fn merge(theirs: &mut Value, ours: &Value) {
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => {
            for (key, value) in ours {
                match theirs.get_mut(key) {
                    Some(there) => merge(there, value),
                    None => {
                        theirs.insert(key.clone(), value.clone());
                    }
                }
            }
        }
        (Value::Array(theirs), Value::Array(ours)) => {
            for value in ours {
                let name = value.get("name").filter(|name| name.is_string());
                let named = |there: &Value| name.is_some() && there.get("name") == name;
                match theirs.iter().position(named) {
                    Some(at) => merge(&mut theirs[at], value),
                    None if theirs.contains(value) => {}
                    None => theirs.push(value.clone()),
                }
            }
        }
        (theirs, ours) => *theirs = ours.clone(),
    }
}

/// The strings under `key` when it holds an object of them: what a settings file calls `env`.
pub fn strings_under(value: &Value, key: &str) -> Vec<(String, String)> {
    let Some(object) = value.get(key).and_then(Value::as_object) else { return Vec::new() };
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        _ => None,
    };
    object.iter().filter_map(|(name, value)| Some((name.clone(), text(value)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_the_user_set_stays_but_for_our_own_keys() {
        let mut theirs = json!({
            "model": "opus",
            "env": {"FOO": "1", "ANTHROPIC_BASE_URL": "https://gateway.example"},
            "permissions": {"allow": ["Bash(ls)"], "deny": ["WebFetch"]},
        });
        merge(
            &mut theirs,
            &json!({"env": {"ANTHROPIC_BASE_URL": "http://127.0.0.1:1/x"}, "permissions": {"allow": ["t", "Bash(ls)"]}}),
        );
        assert_eq!(
            theirs,
            json!({
                "model": "opus",
                "env": {"FOO": "1", "ANTHROPIC_BASE_URL": "http://127.0.0.1:1/x"},
                "permissions": {"allow": ["Bash(ls)", "t"], "deny": ["WebFetch"]},
            })
        );
    }

    #[test]
    fn what_has_a_name_in_a_list_is_one_thing() {
        let mut theirs = json!([{"name": "mistral", "key": "K", "url": "https://m"}, {"name": "own"}]);
        merge(&mut theirs, &json!([{"name": "mistral", "url": "http://u"}, {"name": "more"}]));
        assert_eq!(
            theirs,
            json!([{"name": "mistral", "key": "K", "url": "http://u"}, {"name": "own"}, {"name": "more"}])
        );
    }
}

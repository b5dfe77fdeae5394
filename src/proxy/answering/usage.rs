//! What several rounds cost together, as the client is told it.

use serde_json::{Map, Value};

/// Later figures of a round take the place of earlier ones.
pub(super) fn merge(usage: &mut Map<String, Value>, more: Option<&Value>) {
    for (name, value) in more.and_then(Value::as_object).into_iter().flatten() {
        usage.insert(name.clone(), value.clone());
    }
}

/// Adds the figures of a round, also those inside.
pub(super) fn add(sum: &mut Map<String, Value>, more: &Map<String, Value>) {
    for (name, value) in more {
        match (sum.get_mut(name), value) {
            (Some(Value::Object(inner)), Value::Object(more)) => add(inner, more),
            (Some(old), Value::Number(_)) => *old = added(old, value),
            (Some(_), _) => {}
            (None, value) => {
                sum.insert(name.clone(), value.clone());
            }
        }
    }
}

/// Tokens are whole; money, which some gateways tell, is not.
fn added(old: &Value, more: &Value) -> Value {
    match (old.as_u64(), more.as_u64()) {
        (Some(old), Some(more)) => old.saturating_add(more).into(),
        _ => (old.as_f64().unwrap_or(0.0) + more.as_f64().unwrap_or(0.0)).into(),
    }
}

/// `last`, and what the rounds before it cost.
pub(super) fn with(last: &Value, spent: &Map<String, Value>) -> Value {
    let mut sum = last.as_object().cloned().unwrap_or_default();
    add(&mut sum, spent);
    Value::Object(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tokens_are_added_wherever_they_stand_and_so_is_money() {
        let mut spent = Map::new();
        for round in [
            json!({"input": 3, "cost": 0.5, "details": {"cached": 1}, "tier": "a", "more": 0}),
            json!({"input": 4, "cost": 1, "details": {"cached": 2}, "tier": "b", "more": 7}),
        ] {
            add(&mut spent, round.as_object().expect("an object"));
        }
        let sum = with(&json!({"input": 1}), &spent);
        assert_eq!(sum, json!({"input": 8, "cost": 1.5, "details": {"cached": 3}, "tier": "a", "more": 7}));
    }
}

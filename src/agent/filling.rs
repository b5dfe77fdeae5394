//! Templates: texts with places in braces, and what stands there.

use std::collections::BTreeMap;
use std::path::Path;

/// What stands in the places of a template.
#[derive(Clone, Debug, Default)]
pub struct Filling(BTreeMap<String, String>);

impl Filling {
    /// The places of every agent. `suffix` is what the agent's URL ends in beside the proxy's own.
    pub fn new(base_url: &str, suffix: &str, headroom: &Path, project: &Path) -> Filling {
        let path = |path: &Path| path.to_string_lossy().into_owned();
        let quoted = |path: &Path| serde_json::Value::from(path.to_string_lossy().as_ref()).to_string();
        let host = base_url.split_once("://").map_or(base_url, |(_, rest)| rest);
        let (host, behind) = host.split_at(host.find('/').unwrap_or(host.len()));
        let words = [
            ("host", host.to_owned()),
            ("origin", format!("http://{host}")),
            ("path", format!("{behind}{suffix}")),
            ("base_url", base_url.to_owned()),
            ("url", format!("{base_url}{suffix}")),
            ("headroom", path(headroom)),
            ("headroom_quoted", quoted(headroom)),
            ("project", path(project)),
            ("project_quoted", quoted(project)),
        ];
        Filling(words.into_iter().map(|(place, word)| (place.to_owned(), word)).collect())
    }

    /// What stands in a further place.
    pub fn set(&mut self, place: String, word: impl Into<String>) {
        self.0.insert(place, word.into());
    }

    /// True when something stands in this place.
    pub fn has(&self, place: &str) -> bool {
        self.0.contains_key(place)
    }

    /// The names of all places.
    pub fn places(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// A template with its places filled in; all other braces stay as they are.
    pub fn fill(&self, template: &str) -> String {
        let mut filled = String::new();
        let mut rest = template;
        while let Some(at) = rest.find('{') {
            let (before, brace) = rest.split_at(at);
            filled.push_str(before);
            let inside = brace[1..].split_once('}').map(|(place, _)| place);
            match inside.and_then(|place| Some((place, self.0.get(place)?))) {
                Some((place, word)) => {
                    filled.push_str(word);
                    rest = &brace[place.len() + 2..];
                }
                None => {
                    filled.push('{');
                    rest = &brace[1..];
                }
            }
        }
        filled + rest
    }
}

/// The place of something that has a name: `url_openai`, `file_settings`.
pub fn place_of(what: &str, name: &str) -> String {
    format!("{what}_{}", name.replace('-', "_"))
}

/// The words in braces that could be meant as places: lower-case letters and underscores.
pub fn places_in(template: &str) -> Vec<&str> {
    let after_brace = template.split('{').skip(1);
    after_brace
        .filter_map(|rest| rest.split_once('}'))
        .map(|(word, _)| word)
        .filter(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_quotes_stays_one_json_string() {
        let template = "{\"a\":{headroom_quoted},\"b\":\"{base_url}\",\"c\":{project_quoted},\"d\":{}}";
        let filling = Filling::new("http://u", "/v1", Path::new("/a\"b/h"), Path::new("/{base_url}"));
        assert_eq!(filling.fill(template), r#"{"a":"/a\"b/h","b":"http://u","c":"/{base_url}","d":{}}"#);
    }
}

//! What one line of settings says: a key, a value, both, a heading, a remark.

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says<'t> {
    /// Nothing.
    Blank,
    /// `# …`, `// …`, `; …`, `<!-- … -->`
    Remark,
    /// `[section]`, `[[package]]`: what follows belongs to it, whatever its indent.
    Section(&'t str),
    /// `---`: what follows is another document.
    Document,
    /// `key:`, `key {`, `<tag>`: what is indented below belongs to it.
    Opens(&'t str),
    /// `key: value`, `key = value`, `<tag>value</tag>`
    Leaf(&'t str, &'t str),
    /// `}`, `]`, `</tag>`
    Closes,
    /// `- value` or anything else.
    Other(&'t str),
}

/// A line, looked at.
#[derive(Clone, Copy, Debug)]
pub struct Line<'t> {
    /// Blanks before it.
    pub indent: usize,
    /// Blanks before its dash, if it begins an item of a list.
    pub item: Option<usize>,
    /// What it says.
    pub says: Says<'t>,
}

/// Bytes of a key at most.
const LONGEST_KEY: usize = 120;

/// Looks at `line`.
pub fn read(line: &str) -> Line<'_> {
    let body = line.trim_start();
    let mut indent = line.len() - body.len();
    let mut body = body.trim_end();
    if body.is_empty() {
        return Line { indent, item: None, says: Says::Blank };
    }
    if body == "---" || body.starts_with("--- #") {
        return Line { indent: 0, item: None, says: Says::Document };
    }
    let mut item = None;
    while let Some(rest) = body.strip_prefix("- ") {
        item.get_or_insert(indent);
        indent += body.len() - rest.trim_start().len();
        body = rest.trim_start();
    }
    if body == "-" {
        return Line { indent, item: Some(indent), says: Says::Blank };
    }
    Line { indent, item, says: says(body) }
}

fn says(body: &str) -> Says<'_> {
    if ["#", "//", ";", "<!--", "/*", "* ", "*/", "-->", "<?", "!"]
        .iter()
        .any(|start| body.starts_with(start))
    {
        return Says::Remark;
    }
    if body.len() <= LONGEST_KEY
        && let Some(name) = body
            .strip_prefix('[')
            .and_then(|rest| rest.split_once(" #").map_or(rest, |it| it.0).trim_end().strip_suffix(']'))
    {
        let name = name.trim_matches(['[', ']']);
        if !name.is_empty() && !name.contains([',', '{', '=']) {
            return Says::Section(name);
        }
    }
    if matches!(body.trim_end_matches([',', ';']), "}" | "]" | ")" | "end" | "})" | "]," | "}]")
        || body.starts_with("</")
    {
        return Says::Closes;
    }
    if let Some(tag) = body.strip_prefix('<') {
        return element(tag);
    }
    if let Some(head) = body.strip_suffix(['{', '[', '(']) {
        let head = head.trim_end().trim_end_matches(['=', ':']).trim_end().trim_matches('"');
        if !head.is_empty() && head.len() <= LONGEST_KEY {
            return Says::Opens(head);
        }
        return Says::Other(body);
    }
    let (key, rest) = match key(body) {
        Some(parts) => parts,
        None => return Says::Other(body),
    };
    let value = rest.trim_start().trim_end_matches([',', ';']).trim_end();
    if value.is_empty()
        || value.starts_with(['|', '>']) && value.len() <= 3
        || value.starts_with('#')
        || value.starts_with('&') && !value.contains(' ')
    {
        Says::Opens(key)
    } else {
        Says::Leaf(key, value)
    }
}

/// The key before `:` or `=`, or the first word of a directive that ends with `;`; and what follows.
fn key(body: &str) -> Option<(&str, &str)> {
    if let Some(rest) = body.strip_prefix(['"', '\'']) {
        let end = rest.find(['"', '\''])?;
        let after = rest[end + 1..].trim_start();
        return after.strip_prefix([':', '=']).map(|value| (&rest[..end], value));
    }
    let end = body
        .bytes()
        .position(|byte| {
            !(byte.is_ascii_alphanumeric()
                || matches!(byte, b'_' | b'-' | b'.' | b'/' | b'$' | b'@' | b'*' | b'+' | b'~' | b'%' | b'<')
                || 0x80 <= byte)
        })
        .unwrap_or(body.len());
    if end == 0 || LONGEST_KEY < end {
        return None;
    }
    let rest = &body[end..];
    let after = rest.trim_start();
    if let Some(value) = rest.strip_prefix(':') {
        return (value.is_empty() || value.starts_with([' ', '\t'])).then_some((&body[..end], value));
    }
    if let Some(value) = after.strip_prefix('=').or_else(|| after.strip_prefix("+=")) {
        return (!value.starts_with('=')).then_some((&body[..end], value));
    }
    (body.ends_with(';') && rest.starts_with([' ', '\t']) && !rest.contains('('))
        .then_some((&body[..end], rest))
}

/// `tag>value</tag>`, `tag a="b">`, `tag/>`.
fn element(tag: &str) -> Says<'_> {
    let end = tag.find([' ', '>', '/', '\t']).unwrap_or(tag.len());
    let name = &tag[..end];
    if let Some((before, _)) = tag.rsplit_once("</") {
        return Says::Leaf(name, before.split_once('>').map_or("", |(_, value)| value));
    }
    if tag.ends_with("/>") {
        return Says::Leaf(name, tag[end..].trim_end_matches("/>").trim());
    }
    Says::Opens(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_setting_is_read() {
        let cases = [
            ("key: value", Says::Leaf("key", "value")),
            ("  key = 12", Says::Leaf("key", "12")),
            ("KEY=a b", Says::Leaf("KEY", "a b")),
            ("\"key\": \"v\",", Says::Leaf("key", "\"v\"")),
            ("listen 80;", Says::Leaf("listen", "80")),
            ("<a>b</a>", Says::Leaf("a", "b")),
            ("<dependency>", Says::Opens("dependency")),
            ("</dependency>", Says::Closes),
            ("server {", Says::Opens("server")),
            ("resource \"aws_x\" \"y\" {", Says::Opens("resource \"aws_x\" \"y")),
            ("spec:", Says::Opens("spec")),
            ("[tool.x]", Says::Section("tool.x")),
            ("[[package]]", Says::Section("package")),
            ("# note", Says::Remark),
            ("---", Says::Document),
            ("}", Says::Closes),
            ("- 12", Says::Other("12")),
            ("- name: x", Says::Leaf("name", "x")),
            ("", Says::Blank),
            ("It rains, and it was dark.", Says::Other("It rains, and it was dark.")),
            ("http://x/y", Says::Other("http://x/y")),
        ];
        for (text, want) in cases {
            assert_eq!(read(text).says, want, "{text}");
        }
        assert_eq!((read("  - a: 1").item, read("  - a: 1").indent), (Some(2), 4));
    }
}

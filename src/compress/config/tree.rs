//! Settings as a tree: what belongs to what, by indent and section.
//!
//! A name that only one block has (a service's, a section's) is no part of the
//! path by which blocks are compared: `services.*.replicas`.

use super::super::lines::Lines;
use super::line::{self, Says};
use std::collections::HashMap;

/// A name that stands at so many places of a level is a key, not a name.
const KEY: u32 = 3;
/// Blocks in blocks that are told apart; what is deeper belongs to the last.
const DEEPEST: usize = 48;
/// Blocks side by side that are compared.
pub const GROUP: usize = 5;

/// A setting, a block of settings, or an item of a list.
#[derive(Clone, Copy, Debug)]
pub struct Node<'t> {
    /// The block that it belongs to, as a place in the list of nodes; itself for the root.
    pub parent: u32,
    /// Its line; of a block its first.
    pub line: u32,
    /// The line after its last.
    pub past: u32,
    /// How many blocks it is in.
    pub depth: u16,
    /// What it is called; `-` for an item.
    pub key: &'t str,
    /// What it is set to.
    pub value: &'t str,
    /// True when it holds others.
    pub holds: bool,
    /// Digest of the keys on the way to it, names left out.
    pub path: u64,
    /// How many blocks stand beside it in the same block, itself among them.
    pub beside: u32,
}

/// The tree of a text.
#[derive(Debug)]
pub struct Tree<'t> {
    /// All nodes, each after the one that it belongs to; the first is the root.
    pub nodes: Vec<Node<'t>>,
    /// The last node that each line began.
    pub of_line: Vec<Option<u32>>,
    /// Lines that are remarks.
    pub remarks: Vec<bool>,
}

impl<'t> Tree<'t> {
    /// Reads the tree of `lines`.
    pub fn of(lines: &'t Lines<'_>) -> Tree<'t> {
        let mut tree = Tree {
            nodes: vec![Node {
                parent: 0,
                line: 0,
                past: lines.len() as u32,
                depth: 0,
                key: "",
                value: "",
                holds: true,
                path: 0,
                beside: 1,
            }],
            of_line: vec![None; lines.len()],
            remarks: vec![false; lines.len()],
        };
        // The open blocks: twice the indent, one more for an item of a list.
        let mut open: Vec<(usize, u32)> = vec![(0, 0)];
        let mut base = 0;
        for number in 0..lines.len() {
            let line = line::read(lines.get(number));
            let (key, value, holds) = match line.says {
                Says::Blank if line.item.is_none() => continue,
                Says::Remark => {
                    tree.remarks[number] = true;
                    continue;
                }
                Says::Closes => continue,
                Says::Section(name) => {
                    open.truncate(1);
                    base = 1;
                    let node = tree.add(0, number, name, "", true);
                    open.push((1, node));
                    continue;
                }
                Says::Document => {
                    open.truncate(1);
                    base = 1;
                    let node = tree.add(0, number, "---", "", true);
                    open.push((1, node));
                    continue;
                }
                Says::Opens(key) => (key, "", true),
                Says::Leaf(key, value) => (key, value, false),
                Says::Other(value) => ("", value, false),
                Says::Blank => ("", "", false),
            };
            if let Some(dash) = line.item {
                let at = (dash + base) * 2 + 1;
                while open.last().is_some_and(|(indent, _)| at <= *indent) && 1 < open.len() {
                    open.pop();
                }
                let parent = open.last().map_or(0, |its| its.1);
                let node =
                    tree.add(parent, number, "-", if key.is_empty() { value } else { "" }, !key.is_empty());
                if open.len() < DEEPEST {
                    open.push((at, node));
                }
                if key.is_empty() {
                    continue;
                }
            }
            let at = (line.indent + base + 1) * 2;
            while open.last().is_some_and(|(indent, _)| at <= *indent) && 1 < open.len() {
                open.pop();
            }
            let parent = open.last().map_or(0, |its| its.1);
            let node = tree.add(parent, number, key, value, holds);
            if holds && open.len() < DEEPEST {
                open.push((at, node));
            }
        }
        tree.close(lines.len());
        tree.compare();
        tree
    }

    fn add(&mut self, parent: u32, line: usize, key: &'t str, value: &'t str, holds: bool) -> u32 {
        let number = self.nodes.len() as u32;
        let depth = self.nodes[parent as usize].depth.saturating_add(1);
        let line = line as u32;
        self.nodes[parent as usize].holds = true;
        self.nodes.push(Node { parent, line, past: line + 1, depth, key, value, holds, path: 0, beside: 0 });
        self.of_line[line as usize] = Some(number);
        number
    }

    /// Ends each block where the next node outside of it begins.
    fn close(&mut self, lines: usize) {
        let mut next_at: Vec<u32> = Vec::new();
        for number in (0..self.nodes.len()).rev() {
            let (depth, line) = (self.nodes[number].depth as usize, self.nodes[number].line);
            let next = next_at.iter().take(depth + 1).copied().min().unwrap_or(lines as u32);
            self.nodes[number].past = next.max(line + 1);
            next_at.resize(next_at.len().max(depth + 1), lines as u32);
            next_at[depth] = line;
            for deeper in next_at.iter_mut().skip(depth + 1) {
                *deeper = lines as u32;
            }
        }
        self.nodes[0].past = lines as u32;
    }

    /// Finds out which keys are names, and which blocks are alike.
    fn compare(&mut self) {
        let mut counts: HashMap<(u16, &str), u32> = HashMap::new();
        let mut blocks: HashMap<u32, u32> = HashMap::new();
        for node in &self.nodes {
            *counts.entry((node.depth, node.key)).or_default() += 1;
            if node.holds {
                *blocks.entry(node.parent).or_default() += 1;
            }
        }
        for number in 1..self.nodes.len() {
            let node = self.nodes[number];
            let above = self.nodes[node.parent as usize].path;
            let names = node.holds && node.key != "-" && counts[&(node.depth, node.key)] < KEY;
            let own = if names { 1 } else { digest(node.key) };
            self.nodes[number].path = (above ^ own).wrapping_mul(0x0100_0000_01b3).rotate_left(7);
            self.nodes[number].beside = if node.holds { blocks[&node.parent] } else { 0 };
        }
    }

    /// The outermost block with like blocks beside it that holds `node`, itself perhaps.
    pub fn block_of(&self, node: u32) -> Option<u32> {
        let mut found = None;
        let mut at = node;
        while at != 0 {
            let its = &self.nodes[at as usize];
            if its.holds && GROUP as u32 <= its.beside {
                found = Some(at);
            }
            at = its.parent;
        }
        found
    }

    /// What a block is called: its name, or what it says of itself.
    pub fn label(&self, block: u32) -> String {
        let its = &self.nodes[block as usize];
        let end = self.nodes[block as usize..].partition_point(|node| node.line < its.past) + block as usize;
        let within = || self.nodes[(block as usize + 1).min(end)..end].iter().take(60);
        let said = |key: &str, depth: u16| {
            within()
                .find(|node| node.depth == its.depth + depth && node.key.eq_ignore_ascii_case(key))
                .map(|node| plain(node.value))
        };
        let mut label = String::new();
        let own = its.key;
        let generic =
            matches!(own, "-" | "---" | "package" | "dependency" | "plugin" | "server" | "location")
                || own.is_empty();
        if !generic {
            label.push_str(own.trim_matches('"'));
        } else {
            if let Some(kind) = said("kind", 1).filter(|_| own == "---") {
                label.push_str(kind);
                label.push(' ');
            }
            let name = [
                "name",
                "id",
                "key",
                "artifactId",
                "title",
                "server_name",
                "host",
                "job_name",
                "alert",
                "uses",
                "image",
                "path",
            ]
            .iter()
            .find_map(|key| said(key, 1))
            .or_else(|| said("name", 2))
            .or_else(|| within().find(|node| !node.value.is_empty()).map(|node| plain(node.value)));
            label.push_str(name.unwrap_or(own));
        }
        if let Some(version) = said("version", 1) {
            label.push(' ');
            label.push_str(version);
        }
        super::super::lines::write::clipped(&label, 80)
    }
}

/// A value without its quotes.
fn plain(value: &str) -> &str {
    value.trim_matches(['"', '\'', ','])
}

/// A digest of a text, the same on every machine.
pub fn digest(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

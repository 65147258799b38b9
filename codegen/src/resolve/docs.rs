//! Gathers what an element says in prose, white space folded; nothing here can be wrong.

use crate::document::{Element, Tag};
use crate::protocol::Docs;

pub(super) fn of(element: &Element) -> Docs {
    let label = element.attribute("label").unwrap_or(&element.text);
    let mut paragraphs = Vec::new();
    for child in &element.children {
        match child.tag {
            Tag::Doc if child.attribute("type") == Some("grammar") => paragraphs.extend(grammar(&child.text)),
            Tag::Doc => split(&child.text, &mut paragraphs),
            Tag::Rule => {
                split(&child.text, &mut paragraphs);
                for doc in child.children_of(Tag::Doc) {
                    split(&doc.text, &mut paragraphs);
                }
            }
            _ => {}
        }
    }
    Docs {
        label: fold(label),
        paragraphs,
        asserts: element.children_of(Tag::Assert).map(phrase).collect(),
    }
}

/// Appends the paragraphs of a text: what blank lines separate.
fn split(text: &str, paragraphs: &mut Vec<String>) {
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines().map(str::trim).chain([""]) {
        if !line.is_empty() {
            lines.push(line);
        } else if !lines.is_empty() {
            paragraphs.push(lines.join("\n"));
            lines.clear();
        }
    }
}

/// A grammar keeps its lines, and is no Markdown.
fn grammar(text: &str) -> Option<String> {
    let trimmed = |line: &str| line.trim_start_matches([' ', '\t']).len();
    let lines = || text.lines().map(str::trim_end);
    let margin = lines()
        .filter(|line| !line.is_empty())
        .map(|line| line.len() - trimmed(line))
        .min()?;
    let lines: Vec<&str> = lines()
        .map(|line| line.get(margin..).unwrap_or_default())
        .collect();
    let text = lines.join("\n").replace('`', "'");
    Some(format!("```text\n{}\n```", text.trim_matches('\n')))
}

fn fold(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn phrase(assert: &Element) -> String {
    let value = assert.attribute("value").unwrap_or_default();
    match assert.attribute("check").unwrap_or_default() {
        "notnull" => "not empty".to_owned(),
        "null" => "empty".to_owned(),
        "ne" => format!("not {value}"),
        "length" => format!("at most {value} octets"),
        "regexp" => format!("matches `{value}`"),
        "syntax" => format!(
            "follows the rule `{}`",
            assert.attribute("rule").unwrap_or_default()
        ),
        "le" => {
            let part = |name| assert.attribute(name).unwrap_or_default();
            format!("at most `{}` of `{}`", part("field"), part("method"))
        }
        "enum" => {
            let values: Vec<String> = assert
                .children_of(Tag::Value)
                .filter_map(|value| value.attribute("name"))
                .map(|name| format!("`{name}`"))
                .collect();
            format!("one of {}", values.join(", "))
        }
        check => format!("{check} {value}").trim().to_owned(),
    }
}

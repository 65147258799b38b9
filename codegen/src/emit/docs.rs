//! Prose of the specification as rustdoc.

use proc_macro2::TokenStream;
use quote::quote;

use crate::protocol::Docs;

/// The attributes of a doc comment: the specification's prose, then facts as paragraphs of their own.
pub(super) fn attributes(docs: &Docs, fallback: &str, facts: &[String]) -> TokenStream {
    let text = markdown(docs, fallback, facts);
    let lines = text.lines().map(|line| {
        if line.is_empty() {
            String::new()
        } else {
            format!(" {line}")
        }
    });
    quote!(#(#[doc = #lines])*)
}

/// The same as text.
pub(super) fn markdown(docs: &Docs, fallback: &str, facts: &[String]) -> String {
    let mut paragraphs: Vec<String> = docs.paragraphs.iter().map(|text| escape(text)).collect();
    if paragraphs.is_empty() {
        let label = if docs.label.is_empty() {
            fallback
        } else {
            &docs.label
        };
        paragraphs.push(sentence(&escape(label)));
    }
    if !docs.asserts.is_empty() {
        let asserts = docs
            .asserts
            .iter()
            .map(|assert| escape(assert))
            .collect::<Vec<_>>()
            .join("; ");
        paragraphs.push(format!(
            "The standard asserts: {asserts}. Brokers do not enforce it."
        ));
    }
    paragraphs.extend(facts.iter().cloned());
    paragraphs.join("\n\n")
}

/// Begins with a capital and ends with a full stop.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first: String = characters
        .next()
        .map(|first| first.to_uppercase().collect())
        .unwrap_or_default();
    let stop = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{stop}", characters.as_str())
}

/// Keeps rustdoc from taking plain text for links or HTML; what stands in back-ticks is left alone.
fn escape(text: &str) -> String {
    let balanced = text.matches('`').count().is_multiple_of(2);
    let mut escaped = String::with_capacity(text.len());
    let mut code = false;
    for character in text.chars() {
        match character {
            '`' if balanced => code = !code,
            '\n' => {}
            // Not allowed in a doc comment.
            character if character.is_control() || is_bidi_control(character) => {
                escaped.push(' ');
                continue;
            }
            '[' | ']' | '<' | '>' | '*' | '`' if !code => escaped.push('\\'),
            _ => {}
        }
        escaped.push(character);
    }
    link_addresses(&escaped)
}

/// Whether a character changes the direction of text, and could make code look like what it is not.
fn is_bidi_control(character: char) -> bool {
    matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Wraps bare addresses in angle brackets, as rustdoc wants them.
fn link_addresses(text: &str) -> String {
    let wrap = |word: &str| {
        let bare = word.starts_with("http://") || word.starts_with("https://");
        let end = word.trim_end_matches(['.', ',', ')', ';']).len();
        match (bare, word.split_at_checked(end)) {
            (true, Some((address, rest))) => format!("<{address}>{rest}"),
            _ => word.to_owned(),
        }
    };
    let line = |line: &str| line.split(' ').map(wrap).collect::<Vec<_>>().join(" ");
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_is_safe() {
        assert_eq!(escape("a [b] <c> `[d]`"), "a \\[b\\] \\<c\\> `[d]`");
        assert_eq!(escape("odd ` tick"), "odd \\` tick");
        assert_eq!(escape("a\rb\u{202e}c\nd"), "a b c\nd");
        assert_eq!(escape("see https://x.test/y."), "see <https://x.test/y>.");
        assert_eq!(sentence("access granted"), "Access granted.");
    }
}

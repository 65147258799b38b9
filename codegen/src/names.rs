//! Names of the specification in Rust's case, and what may not be a name in Rust.

use heck::{ToShoutySnakeCase, ToSnakeCase, ToUpperCamelCase};

/// Whether a name has a form in Rust: ASCII letters, digits, `-`, `_` and spaces, a letter first.
pub(crate) fn is_valid(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ' '))
}

/// `auto-delete` as `auto_delete`: the specification's own spelling with `_`, as it stands in documents and errors.
pub(crate) fn plain(name: &str) -> String {
    name.replace(['-', ' '], "_")
}

/// A type's or variant's name: `declare-ok` as `DeclareOk`.
pub(crate) fn upper_camel(name: &str) -> String {
    let camel = name.to_upper_camel_case();
    // The one keyword in this case.
    if camel == "Self" {
        "Self_".to_owned()
    } else {
        camel
    }
}

/// A field's or module's name: `auto delete` as `auto_delete`, `type` as `r#type`.
pub(crate) fn snake(name: &str) -> String {
    let snake = name.to_snake_case();
    match snake.as_str() {
        // The first three cannot be raw identifiers, and the file of a module `mod` would be taken for its parent's.
        "self" | "super" | "crate" | "mod" => format!("{snake}_"),
        _ if syn::parse_str::<syn::Ident>(&snake).is_err() => format!("r#{snake}"),
        _ => snake,
    }
}

/// A constant's name: `frame-end` as `FRAME_END`.
pub(crate) fn shouty(name: &str) -> String {
    name.to_shouty_snake_case()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases() {
        assert_eq!(upper_camel("declare-ok"), "DeclareOk");
        assert_eq!(upper_camel("self"), "Self_");
        assert_eq!(snake("auto delete"), "auto_delete");
        assert_eq!(snake("type"), "r#type");
        assert_eq!(snake("crate"), "crate_");
        assert_eq!(snake("async"), "r#async");
        assert_eq!(shouty("frame min size"), "FRAME_MIN_SIZE");
        assert!(is_valid("x-1"));
        assert!(!is_valid("1x"));
        assert!(!is_valid("größe"));
        assert!(!is_valid(""));
    }
}

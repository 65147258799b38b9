//! The pages for those who come from other clients: `docs/coming-from-*.md` are chapters of the client's guide without their
//! links, which rustdoc checks, and their programs are examples that compile or run. `UPDATE_GOLDEN=1` writes the pages.

#[path = "coming_from/pika.rs"]
mod pika;
#[path = "coming_from/rows.rs"]
mod rows;
#[path = "common/test_names.rs"]
mod test_names;

use std::path::{Path, PathBuf};
use std::{env, fs};

/// Those that are crates.
const PEERS: [&str; 2] = ["amqprs", "lapin"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn chapter(peer: &str) -> String {
    read(format!("amqp-client/src/guide/coming_from_{peer}.md"))
}

/// The text with each link to an item, [`name`] or [`name`](path), as a mere name.
fn without_links(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, link)) = rest.split_once("[`") {
        let (name, behind) = link.split_once("`]").expect("a link ends");
        plain.extend([before, "`", name, "`"]);
        rest = match behind.strip_prefix('(') {
            Some(path) => path.split_once(')').expect("a path ends").1,
            None => behind,
        };
    }
    plain + rest
}

#[test]
fn pages_are_chapters_without_links() {
    for peer in PEERS.into_iter().chain(["pika"]) {
        let page = format!("docs/coming-from-{peer}.md");
        let expected = without_links(&chapter(peer));
        if env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(root().join(&page), &expected).unwrap();
        }
        assert!(
            read(&page) == expected,
            "{page} is out of date: UPDATE_GOLDEN=1 writes it"
        );
    }
}

/// What a file of Rust holds below its documentation.
fn program(path: &str) -> String {
    let text = read(path);
    let (_, program) = text.split_once("\n\n").expect("documentation");
    program.to_owned()
}

#[test]
fn programs_are_those_that_compile() {
    let ours = program("amqp-client/examples/orders.rs");
    for peer in PEERS {
        let theirs = program(&format!("benches/peers/examples/{peer}.rs"));
        let chapter = chapter(peer);
        assert!(chapter.contains(&format!("```rs\n{theirs}```\n")), "{peer}");
        assert!(
            chapter.contains(&format!("```rust,no_run\n{ours}```\n")),
            "{peer}"
        );
    }
}

#[test]
fn versions_are_those_that_the_programs_compile_with() {
    let lock_file = read("benches/peers/Cargo.lock");
    for peer in PEERS {
        let (_, package) = lock_file
            .split_once(&format!("name = \"{peer}\"\nversion = \""))
            .expect("a package");
        let (version, _) = package.split_once('"').expect("a version");
        assert!(
            chapter(peer).contains(&format!("{peer} {version}")),
            "{peer} {version}"
        );
    }
}

#[test]
fn links_become_names() {
    let text = "a [`B`] and [`c::d`](field@c::d), `e` and [f](g)";
    assert_eq!(without_links(text), "a `B` and `c::d`, `e` and [f](g)");
}

//! What `docs/writing-an-adapter.md` says that an adapter costs and must supply is so. Its example is a documentation test.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The rows of the page's table that has this heading, cell by cell.
fn rows(heading: &str) -> Vec<Vec<String>> {
    let page = read("docs/writing-an-adapter.md");
    let rows = page.lines().skip_while(|line| !line.starts_with(heading)).skip(2);
    let cells = |row: &str| {
        let cells = row.trim_matches('|').split('|');
        cells
            .map(|cell| cell.trim().trim_matches('`').to_owned())
            .collect()
    };
    rows.take_while(|line| line.starts_with('|')).map(cells).collect()
}

#[test]
fn an_adapter_costs_as_many_lines_as_the_page_says() {
    let rows = rows("| file ");
    assert_eq!(rows.len(), 2, "{rows:?}");
    for row in rows {
        let source = read(&row[0]);
        let lines = source.lines().map(str::trim);
        let code = lines.filter(|line| !line.is_empty() && !line.starts_with("//"));
        assert_eq!(code.count().to_string(), row[1], "{}", row[0]);
    }
}

/// The functions that a trait declares, and those that are named in the page's table of this heading.
fn functions(file: &str, declaration: &str, heading: &str) -> [BTreeSet<String>; 2] {
    let source = read(file);
    let (_, behind) = source.split_once(declaration).unwrap();
    let (body, _) = behind.split_once("\n}").unwrap();
    let declared = body.lines().filter_map(|line| line.trim().strip_prefix("fn "));
    let declared = declared.filter_map(|line| line.split(['(', '<']).next());
    let named = rows(heading).into_iter().map(|row| row[0].clone());
    [declared.map(str::to_owned).collect(), named.collect()]
}

#[test]
fn an_adapter_supplies_what_the_page_says() {
    for (file, declaration, heading) in [
        (
            "amqp-client/src/driver.rs",
            "pub trait Transport {",
            "| function ",
        ),
        ("amqp-client/src/connect/mod.rs", "pub trait Network {", "| step "),
    ] {
        let [declared, named] = functions(file, declaration, heading);
        assert_eq!(named, declared);
    }
}

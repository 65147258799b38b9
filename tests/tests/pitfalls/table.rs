//! The table of `README.md` names tests that exist, and every test that is named after a pitfall stands in its row. Likewise
//! for the invariants of `ARCHITECTURE.md`, which has all files of the core and of the handles.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

#[path = "../common/test_names.rs"]
mod test_names;

const TABLE: &str = include_str!("README.md");
const ARCHITECTURE: &str = include_str!("../../../ARCHITECTURE.md");

/// Every test function of the client's own tests and of these.
fn all_tests() -> BTreeSet<String> {
    test_names::in_folders(&["amqp-client/tests", "tests/tests"])
}

#[test]
fn the_architecture_names_the_tests_of_its_invariants() {
    let found = all_tests();
    let mut numbers = Vec::new();
    let mut named = BTreeSet::new();
    for paragraph in ARCHITECTURE.split("\n\n") {
        let Some(invariant) = paragraph.strip_prefix("Invariant ") else {
            continue;
        };
        numbers.push(invariant.split(':').next().unwrap().parse::<u8>().unwrap());
        let (_, tests) = invariant.split_once("\nHeld by ").expect(invariant);
        named.extend(tests.split('`').skip(1).step_by(2));
    }
    assert_eq!(numbers, (1..=11).collect::<Vec<_>>());
    for name in &named {
        assert!(found.contains(*name), "there is no test {name}");
    }
    let mut of_invariants = found.iter().filter(|name| name.starts_with("invariant_"));
    assert!(of_invariants.all(|name| named.contains(name.as_str())));
}

#[test]
fn the_architecture_has_every_file_of_core_and_handles() {
    for folder in ["sans_io", "handle"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../amqp-client/src")
            .join(folder);
        let head = format!("| `{folder}/` | what it owns |");
        let (_, table) = ARCHITECTURE.split_once(head.as_str()).expect(folder);
        let table = table.split("\n\n").next().unwrap();
        for entry in fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            let mut name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                name.push('/');
            }
            assert!(
                name == "mod" || table.contains(&format!("`{name}`")),
                "{folder}/{name}"
            );
        }
    }
}

#[test]
fn names_tests_that_exist_and_none_is_missing() {
    let found = all_tests();
    // The row of each number.
    let mut rows = BTreeMap::new();
    for row in TABLE.lines().filter_map(|line| line.strip_prefix("| ")) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let Some(number) = cells.first().and_then(|cell| cell.parse::<u8>().ok()) else {
            continue;
        };
        let named: BTreeSet<_> = cells[2].split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "pitfall {number}");
        for name in &named {
            assert!(found.contains(*name), "pitfall {number}: there is no test {name}");
        }
        assert!(
            rows.insert(number, named).is_none(),
            "pitfall {number} has two rows"
        );
    }
    assert!(!rows.is_empty());
    for name in &found {
        // pitfall_NN_ and perhaps more numbers.
        let Some(rest) = name.strip_prefix("pitfall_") else {
            continue;
        };
        let numbers: Vec<u8> = rest.split('_').map_while(|part| part.parse().ok()).collect();
        assert!(!numbers.is_empty(), "{name} names no pitfall");
        let named = numbers
            .iter()
            .any(|number| rows.get(number).is_some_and(|row| row.contains(name.as_str())));
        assert!(named, "{name} is not in the table");
    }
}

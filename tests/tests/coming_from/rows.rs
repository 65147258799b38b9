//! Each row of the page on Pika names the tests that show what it says, in `README.md` beside this file, or names nothing
//! here and says why.

use std::collections::BTreeSet;

use crate::{chapter, test_names};

const TABLE: &str = include_str!("README.md");
const CONFORMANCE: &str = include_str!("../conformance/main.rs");

/// The cells of all rows of the tables on Pika, without their heads.
pub(crate) fn rows(text: &str) -> Vec<Vec<&str>> {
    let mut rows = Vec::new();
    let mut head = None;
    for line in text.lines() {
        let Some(line) = line.strip_prefix('|') else {
            head = None;
            continue;
        };
        let cells = line.strip_suffix('|').unwrap_or_else(|| panic!("{line}"));
        let cells: Vec<_> = cells.split('|').map(str::trim).collect();
        match head {
            None => head = Some(cells[0]),
            Some("Pika") if !line.starts_with("---") => rows.push(cells),
            Some(_) => {}
        }
    }
    rows
}

/// What stands between backticks.
pub(crate) fn code(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The scenarios that every adapter plays.
fn scenarios() -> BTreeSet<&'static str> {
    let (_, lists) = CONFORMANCE.split_once("$lines:\n").expect("the scenarios");
    let (lists, _) = lists.split_once(");)*").expect("their end");
    lists.split([' ', '\n', ';']).collect()
}

#[test]
fn every_row_names_its_tests_or_says_why_it_has_none() {
    let chapter = chapter("pika");
    let (page, shown) = (rows(&chapter), rows(TABLE));
    let names = |rows: &[Vec<&str>]| rows.iter().map(|row| row[0].to_owned()).collect::<Vec<_>>();
    assert_eq!(names(&page), names(&shown), "the same rows in the same order");
    let all = test_names::in_folders(&["amqp-client/src", "amqp-client/tests", "tests/tests"]);
    let scenarios = scenarios();
    for (row, shown) in page.iter().zip(&shown) {
        let [name, here, differs] = row[..] else {
            panic!("three cells: {row:?}")
        };
        let tests: Vec<_> = code(shown[1]).collect();
        for test in &tests {
            let exists = match test.strip_prefix("conformance::") {
                Some(scenario) => scenarios.contains(scenario),
                None => all.contains(*test),
            };
            assert!(exists, "{name}: there is no test {test}");
        }
        let says_why = here.is_empty() && !differs.is_empty();
        assert!(says_why || !tests.is_empty(), "{name}: neither test nor reason");
        assert!(!here.is_empty() || tests.is_empty(), "{name}: a test of nothing");
    }
}

#[test]
fn rows_are_those_of_tables_on_pika_below_their_heads() {
    let text = "| Pika | b |\n|---|---|\n| `a` | 2 |\n\n| c |\n|---|\n| 3 |\n\n| Pika |\n|---|\n| 4 |\n";
    assert_eq!(rows(text), [vec!["`a`", "2"], vec!["4"]]);
    assert_eq!(code("`a`, b and `c d`").collect::<Vec<_>>(), ["a", "c d"]);
}

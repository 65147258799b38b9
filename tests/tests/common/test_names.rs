//! The names of tests, for tables that say which of them shows what.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Every test function in these folders of the workspace.
pub(crate) fn in_folders(folders: &[&str]) -> BTreeSet<String> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = BTreeSet::new();
    for folder in folders {
        collect(&workspace.join(folder), &mut found);
    }
    found
}

fn collect(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let mut is_test = false;
            for line in text.lines().map(str::trim) {
                if line.starts_with("#[") {
                    is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
                } else {
                    let name = line.trim_start_matches("async ").strip_prefix("fn ");
                    if let Some((name, _)) = name.filter(|_| is_test).and_then(|name| name.split_once('(')) {
                        found.insert(name.to_owned());
                    }
                    is_test = false;
                }
            }
        }
    }
}

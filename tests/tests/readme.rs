//! The README's shell examples run and print what it says. Its Rust examples are documentation tests of this crate.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The blocks of a language in the README, each with the heading it stands under.
fn blocks(language: &str) -> Vec<(String, String)> {
    blocks_of("README.md", language)
}

fn blocks_of(readme: &str, language: &str) -> Vec<(String, String)> {
    let readme = fs::read_to_string(Path::new(ROOT).join(readme)).unwrap();
    let mut heading = String::new();
    let mut blocks = Vec::new();
    let mut lines = readme.lines();
    while let Some(line) = lines.next() {
        if let Some(title) = line.strip_prefix("## ") {
            heading = title.to_owned();
        } else if let Some(named) = line.strip_prefix("```") {
            let block: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
            if named == language {
                blocks.push((heading.clone(), block.join("\n")));
            }
        }
    }
    blocks
}

fn run(command: &str) -> Output {
    let output = Command::new("sh")
        .args(["-c", command])
        .current_dir(ROOT)
        .output()
        .unwrap();
    println!("$ {command}\n{}", String::from_utf8_lossy(&output.stderr));
    output
}

#[test]
fn the_quick_start_is_two_commands() {
    let quick_start: Vec<_> = blocks("sh")
        .into_iter()
        .filter(|(heading, _)| heading == "Quick start")
        .collect();
    let [(_, block)] = quick_start.as_slice() else {
        panic!("one block: {quick_start:?}")
    };
    assert_eq!(block.lines().count(), 2, "{block}");
}

/// Another test runs that.
#[test]
fn the_first_program_is_the_example_orders() {
    let example = fs::read_to_string(Path::new(ROOT).join("amqp-client/examples/orders.rs")).unwrap();
    let (_, program) = example.split_once("\n\n").expect("documentation");
    for readme in ["README.md", "amqp-client/README.md"] {
        let (_, first) = blocks_of(readme, "rust,no_run").swap_remove(0);
        assert_eq!(first, program.trim_end(), "{readme}");
    }
}

#[test]
fn every_command_runs() {
    let folder = std::env::temp_dir().join(format!("amqp-readme-{}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    let commands = blocks("sh")
        .into_iter()
        .filter(|(heading, _)| heading != "Quick start");
    for command in commands.flat_map(|(_, block)| block.lines().map(str::to_owned).collect::<Vec<_>>()) {
        let output = run(&command.replace("bindings.rs", folder.join("bindings.rs").to_str().unwrap()));
        // 1 is a difference, where differences are what was asked for.
        let expected = if command.contains(" diff ") { 1 } else { 0 };
        assert_eq!(output.status.code(), Some(expected), "{command}");
    }
    assert!(fs::metadata(folder.join("bindings.rs")).unwrap().len() > 0);
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn every_session_prints_what_it_says() {
    for (_, block) in blocks("console") {
        let session = block.strip_prefix("$ ").expect("a session starts with a prompt");
        // The lines of the command that are continued by a pipe, and the one after them.
        let continued = session.lines().take_while(|line| line.ends_with('|')).count();
        let lines: Vec<_> = session.lines().collect();
        let (command, printed) = lines.split_at(continued + 1);
        let output = run(&command.join("\n"));
        assert!(output.status.success());
        assert_eq!(
            String::from_utf8(output.stdout).unwrap().trim_end(),
            printed.join("\n")
        );
    }
}

#[test]
fn every_example_of_the_client_is_listed() {
    let readme = fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap();
    for entry in fs::read_dir(Path::new(ROOT).join("amqp-client/examples")).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let name = file.strip_suffix(".rs").expect("a file");
        let row = format!("| [{name}](amqp-client/examples/{file}) |");
        assert!(readme.contains(&row), "{row}");
    }
}

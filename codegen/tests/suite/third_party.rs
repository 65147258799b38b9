//! A crate outside of the workspace generates a variant of its own in its `build.rs`, and its tests pass.

use std::path::Path;
use std::process::Command;

#[test]
fn a_build_script_of_somebody_else_works() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    // Beside what the workspace builds, so that nothing is written into the sources.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("third-party");
    let output = Command::new(env!("CARGO"))
        .args(["test", "--offline", "--quiet", "--manifest-path"])
        .arg(manifest.join("tests/third-party/Cargo.toml"))
        .env("CARGO_TARGET_DIR", &target)
        .env_remove("RUSTFLAGS")
        .output()
        .expect("cargo runs");
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{stdout}{stderr}");
    assert!(stdout.contains("5 passed"), "{stdout}{stderr}");
}

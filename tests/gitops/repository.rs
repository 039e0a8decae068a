//! A git repository of this machine, as people keep their stacks in one.

use std::path::{Path, PathBuf};
use std::process::Command;

pub struct Repository {
    directory: PathBuf,
}

impl Repository {
    /// An empty repository.
    pub fn create(directory: PathBuf) -> Self {
        std::fs::create_dir_all(&directory).unwrap();
        let repository = Self { directory };
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository
    }

    /// What an Application calls it.
    pub fn url(&self) -> String {
        format!("file://{}", self.directory.display())
    }

    /// Writes a file.
    pub fn write(&self, path: &str, text: &str) {
        let file = self.directory.join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    /// Takes a file away.
    pub fn remove(&self, path: &str) {
        std::fs::remove_file(self.directory.join(path)).unwrap();
    }

    /// Copies a directory with all below it.
    pub fn copy(&self, from: &Path) {
        for entry in std::fs::read_dir(from).unwrap() {
            let output = Command::new("cp").arg("-R").arg(entry.unwrap().path()).arg(&self.directory).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }

    /// Commits everything, and returns the commit.
    pub fn commit(&self, what: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["-c", "user.name=test", "-c", "user.email=test@example.com", "commit", "--quiet", "-m", what]);
        self.git(&["rev-parse", "HEAD"]).trim().to_owned()
    }

    fn git(&self, args: &[&str]) -> String {
        let output = Command::new("git")
            // Settings of whoever runs the test, such as signing, are not part of it.
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .arg("-C")
            .arg(&self.directory)
            .args(args)
            .output()
            .unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

//! Chromium as a reader of mails: what a page looks like, and what is wrong with it.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::node;

/// Names of the program, the first that is there is taken.
const NAMES: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];
/// How long to wait for a page.
const PATIENCE: Duration = Duration::from_secs(120);

/// A browser without a window; it ends with this value.
#[derive(Debug)]
pub struct Chromium {
    process: Child,
    input: ChildStdin,
    answers: mpsc::Receiver<String>,
}

/// How a page is looked at.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// Width in pixels.
    pub width: u32,
    /// Whether the reader prefers dark.
    pub dark: bool,
    /// Whether images are loaded.
    pub images: bool,
    /// Where to keep a picture of the whole page.
    pub picture: Option<&'a Path>,
}

/// The browser, if it and Node are installed; if not, says that `what` is left out.
///
/// # Panics
///
/// If they are missing although [`node::COMPLETE`] promises that they are there.
pub fn available(what: &str) -> Option<PathBuf> {
    if !node::available(what) {
        return None;
    }
    let paths = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&paths)
        .flat_map(|folder| NAMES.map(|name| folder.join(name)))
        .find(|path| path.is_file());
    if found.is_none() {
        node::left_out(what, "there is no chromium on the path");
    }
    found
}

impl Chromium {
    /// Starts the browser at `path`.
    ///
    /// # Panics
    ///
    /// If it does not start; ask [`available`] first.
    pub fn start(path: &Path) -> Self {
        // Without [`node::command`]: what waits for the end of the input there reads it, too, and
        // takes the questions that come before the browser is up. It ends with its input as it is.
        let mut process = Command::new("node")
            .arg(node::directory().join("node/looks.mjs"))
            .arg(path)
            .current_dir(node::directory())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node starts");
        let input = process.stdin.take().expect("the input is a pipe");
        let output = process.stdout.take().expect("the output is a pipe");
        let (sender, answers) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self {
            process,
            input,
            answers,
        }
    }

    /// What the browser makes of a page: see `examine` in `tests/node/looks.mjs`.
    ///
    /// # Panics
    ///
    /// If it does not answer.
    pub fn look(&mut self, html: &str, view: View<'_>) -> Value {
        let question = json!({
            "html": html, "width": view.width, "dark": view.dark, "images": view.images,
            "picture": view.picture,
        });
        writeln!(self.input, "{question}").expect("the browser listens");
        let answer = self
            .answers
            .recv_timeout(PATIENCE)
            .expect("the browser answers");
        serde_json::from_str(&answer).expect("the answer is JSON")
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

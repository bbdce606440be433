//! The handler's process: how it is started, what it prints, how it ends.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, BufReader, Read},
    net::TcpListener,
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU16, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::folder::{App, AppFolder};

/// A line that the handler printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Whether it came on standard error.
    pub is_error: bool,
    /// Without the end of line.
    pub text: String,
    /// Which process printed it.
    pub pid: u32,
}

/// How a handler ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// Its exit code, unless a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// How long it took since it was started, or since it was asked to end.
    pub after: Duration,
    /// Its last three lines on standard error.
    pub last_errors: Vec<String>,
}

/// Where lines are collected.
pub(super) type Lines = Arc<Mutex<Vec<Line>>>;

/// The lines, also if a reader died.
pub(super) fn locked(lines: &Lines) -> MutexGuard<'_, Vec<Line>> {
    lines.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running handler; it is killed with this value.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    started: Instant,
    readers: Vec<thread::JoinHandle<()>>,
    lines: Lines,
}

impl Process {
    /// Starts the handler of a folder with exactly these variables.
    pub(super) async fn start(
        folder: &AppFolder,
        app: &App,
        environment: &BTreeMap<String, String>,
        lines: &Lines,
    ) -> Result<Process, String> {
        let mut command = command(folder, app, environment)?;
        command
            .env_clear()
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut tries = 0;
        let mut child = loop {
            match command.spawn() {
                Ok(child) => break child,
                // Another thread forked while the executable was being copied; it lets go soon.
                Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && tries < 100 => {
                    tries += 1;
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                Err(error) => return Err(format!("the handler cannot be started: {error}")),
            }
        };
        let pid = child.id();
        let stdout = child.stdout.take().expect("the output is piped");
        let stderr = child.stderr.take().expect("the output is piped");
        Ok(Process {
            readers: vec![
                read(stdout, false, pid, lines),
                read(stderr, true, pid, lines),
            ],
            child,
            started: Instant::now(),
            lines: Arc::clone(lines),
        })
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub(super) fn exited(&mut self) -> Option<Exit> {
        let status = self.child.try_wait().expect("a child can be waited for")?;
        Some(self.exit(status, self.started))
    }

    /// Sends a signal and waits until the process is gone.
    pub(super) async fn end(&mut self, signal: &str, patience: Duration) -> Option<Exit> {
        let asked = Instant::now();
        // The shell's own `kill` is everywhere; a failure says that the process is gone already.
        let _ = Command::new("sh")
            .args(["-c", &format!("kill -{signal} {}", self.pid())])
            .stderr(Stdio::null())
            .status();
        while asked.elapsed() < patience {
            let status = self.child.try_wait().expect("a child can be waited for");
            if let Some(status) = status {
                return Some(self.exit(status, asked));
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        None
    }

    fn exit(&mut self, status: ExitStatus, since: Instant) -> Exit {
        let after = since.elapsed();
        for reader in self.readers.drain(..) {
            // A grandchild may hold the pipe open, but the handler starts none.
            let _ = reader.join();
        }
        let pid = self.pid();
        let errors: Vec<String> = locked(&self.lines)
            .iter()
            .filter(|line| line.is_error && line.pid == pid)
            .map(|line| line.text.clone())
            .collect();
        Exit {
            code: status.code(),
            signal: status.signal(),
            after,
            last_errors: errors[errors.len().saturating_sub(3)..].to_vec(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(
    output: impl Read + Send + 'static,
    is_error: bool,
    pid: u32,
    lines: &Lines,
) -> thread::JoinHandle<()> {
    let lines = Arc::clone(lines);
    thread::spawn(move || {
        for bytes in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            locked(&lines).push(Line {
                is_error,
                text,
                pid,
            });
        }
    })
}

/// The command line as the host makes it.
fn command(
    folder: &AppFolder,
    app: &App,
    environment: &BTreeMap<String, String>,
) -> Result<Command, String> {
    let description = &app.host["customHandler"]["description"];
    let path = description["defaultExecutablePath"]
        .as_str()
        .filter(|path| !path.is_empty())
        .ok_or("host.json names no executable")?;
    let path = expanded(path, environment);
    let inside = folder.path().join(&path);
    // Relative to the app, not to the working directory; else it is looked up on the path.
    let executable = if inside.is_file() {
        inside
    } else {
        PathBuf::from(path)
    };
    let arguments: Vec<&str> = description["arguments"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|argument| argument.as_str())
        .collect();
    let directory = description["workingDirectory"].as_str().unwrap_or_default();
    let mut command = Command::new(executable);
    command
        .args(words(&expanded(&arguments.join(" "), environment)))
        .current_dir(folder.path().join(directory));
    Ok(command)
}

/// Replaces `%NAME%` by the variable; one that is not set becomes empty.
pub(super) fn expanded(text: &str, environment: &BTreeMap<String, String>) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        result.push_str(before);
        match after.split_once('%') {
            Some((name, after)) if is_variable(name) => {
                result.push_str(environment.get(name).map_or("", String::as_str));
                rest = after;
            }
            _ => {
                result.push('%');
                rest = after;
            }
        }
    }
    result + rest
}

fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|one| one.is_ascii_alphanumeric() || "_-.".contains(one))
}

/// Splits at spaces; quotation marks hold words together, as .NET splits a command line.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    for one in text.chars() {
        match one {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            one if one.is_whitespace() && !quoted => words.extend(word.take()),
            one => word.get_or_insert_default().push(one),
        }
    }
    words.extend(word);
    words
}

/// A port of the loopback interface that nobody listens on.
///
/// It lies outside the range from which the system serves everybody else, so that nobody takes it
/// between this look and the start of the handler.
pub(super) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let own = u16::try_from(std::process::id() % 110).expect("a remainder is small") * 100;
    loop {
        let step = NEXT.fetch_add(1, Ordering::Relaxed) % 11_000;
        let port = 20_000 + (own + step) % 11_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

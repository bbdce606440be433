//! The deployed folder: `host.json`, one folder per function, the executable.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, OnceLock},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

/// A folder as it is deployed; a made one is removed with the last clone of this value.
#[derive(Debug, Clone)]
pub struct AppFolder {
    root: PathBuf,
    _made: Option<Arc<TempDir>>,
}

impl AppFolder {
    /// An existing folder, used as it is.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        AppFolder {
            root: root.into(),
            _made: None,
        }
    }

    /// A new folder with these files: path relative to the root, and content.
    ///
    /// # Panics
    ///
    /// If a file cannot be written.
    pub fn with(files: &[(&str, &str)]) -> Self {
        let folder = Self::empty();
        for (path, content) in files {
            let path = folder.root.join(path);
            fs::create_dir_all(path.parent().expect("a file is in a folder"))
                .expect("make a folder");
            fs::write(path, content).expect("write a file");
        }
        folder
    }

    /// The product's own folder: the one named by `SPENDWATCH_APP_DIR` (as packaged), or one put
    /// together from the workspace like the package, with the executable built once per process.
    ///
    /// # Panics
    ///
    /// If the executable does not build or a part is missing.
    pub fn staged() -> Self {
        if let Some(packaged) = env::var_os("SPENDWATCH_APP_DIR") {
            return Self::at(packaged);
        }
        let workspace = workspace();
        let executables = build();
        let folder = Self::empty();
        let text = fs::read_to_string(workspace.join("host.json")).expect("read host.json");
        fs::write(folder.root.join("host.json"), &text).expect("write host.json");
        let definitions = workspace.join("function-definitions");
        for entry in fs::read_dir(definitions).expect("read function-definitions") {
            let entry = entry.expect("read function-definitions");
            let source = entry.path().join("function.json");
            if source.is_file() {
                let target = folder.root.join(entry.file_name());
                fs::create_dir(&target).expect("make a function's folder");
                fs::copy(source, target.join("function.json")).expect("copy a function.json");
            }
        }
        let host: Value = serde_json::from_str(&text).expect("host.json is JSON");
        let name = host["customHandler"]["description"]["defaultExecutablePath"]
            .as_str()
            .expect("host.json names the executable");
        folder.install(name, &executables.join(name));
        folder
    }

    /// A copy that a test may change; the executable is linked, not copied.
    ///
    /// # Panics
    ///
    /// If it cannot be copied.
    pub fn copied(&self) -> Self {
        fn copy(from: &Path, to: &Path) {
            for entry in fs::read_dir(from).expect("read a folder") {
                let (from, to) = entry
                    .map(|entry| (entry.path(), to.join(entry.file_name())))
                    .expect("read a folder");
                if from.is_dir() {
                    fs::create_dir(&to).expect("make a folder");
                    copy(&from, &to);
                } else if from.extension().is_none() {
                    link(&from, &to);
                } else {
                    fs::copy(&from, &to).expect("copy a file");
                }
            }
        }
        let folder = Self::empty();
        copy(&self.root, &folder.root);
        folder
    }

    /// Puts an executable with mode 0755 into the folder.
    ///
    /// # Panics
    ///
    /// If it cannot be put there.
    pub fn install(&self, name: &str, executable: &Path) {
        use std::os::unix::fs::PermissionsExt;
        let target = self.root.join(name);
        // A file somebody still writes cannot be run, so nothing is copied where a link will do.
        link(executable, &target);
        fs::set_permissions(&target, fs::Permissions::from_mode(0o755))
            .expect("make it executable");
    }

    /// Changes one JSON file in place.
    ///
    /// # Panics
    ///
    /// If it is missing or not JSON.
    pub fn edit(&self, path: &str, change: impl FnOnce(&mut Value)) {
        let path = self.root.join(path);
        let text = fs::read_to_string(&path).expect("read a JSON file");
        let mut value = serde_json::from_str(&text).expect("it is JSON");
        change(&mut value);
        fs::write(path, value.to_string()).expect("write a JSON file");
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.root
    }

    fn empty() -> Self {
        let made = TempDir::new().expect("make a folder");
        AppFolder {
            root: made.path().to_owned(),
            _made: Some(Arc::new(made)),
        }
    }
}

fn link(from: &Path, to: &Path) {
    if fs::hard_link(from, to).is_err() {
        fs::copy(from, to).expect("copy a file");
    }
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("this package lies in the workspace")
}

/// Builds the handler and says in which folder the executable is. With everything else, as `cargo test`
/// does: built alone it would have other features, and so would all that it is made of.
fn build() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command
            .args(["build", "--quiet", "--workspace", "--lib", "--bins"])
            .args(["--tests", "--examples"])
            .arg("--message-format=json-render-diagnostics")
            .stderr(Stdio::inherit())
            .current_dir(workspace());
        // What the outer cargo says about this package would make some dependencies build anew.
        for (name, _) in env::vars_os() {
            let name = name.to_string_lossy();
            let about_this_package = [
                "CARGO_PKG_",
                "CARGO_MANIFEST_",
                "CARGO_BIN_",
                "CARGO_CRATE_",
            ];
            if about_this_package
                .iter()
                .any(|prefix| name.starts_with(prefix))
            {
                command.env_remove(&*name);
            }
        }
        let output = command.output().expect("run cargo");
        assert!(output.status.success(), "cargo build of the handler failed");
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|message| message["target"]["name"] == "spendwatch-functions")
            .filter(|message| message["profile"]["test"] == false)
            .find_map(|message| {
                PathBuf::from(message["executable"].as_str()?)
                    .parent()
                    .map(Path::to_owned)
            })
            .expect("cargo says where the executable is")
    })
}

/// What the host read from a folder.
#[derive(Debug, Clone)]
pub struct App {
    /// The functions it indexed, by name.
    pub functions: BTreeMap<String, Function>,
    /// Why others were not indexed: one line each.
    pub problems: Vec<String>,
    /// `host.json` as it is.
    pub host: Value,
    /// Without slashes; empty for none.
    pub route_prefix: String,
    /// `extensions.queues`.
    pub queues: QueueSettings,
    /// `functionTimeout`; `None` for unlimited.
    pub function_timeout: Option<Duration>,
    /// `customHandler.initializationTimeout`.
    pub initialization_timeout: Duration,
}

/// `extensions.queues` of `host.json`, with the host's defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueSettings {
    /// How many messages are fetched at once.
    pub batch_size: usize,
    /// More are fetched when no more than this many are being worked on.
    pub new_batch_threshold: usize,
    /// A message that failed this often becomes poison.
    pub max_dequeue_count: u32,
    /// How long a message that failed stays hidden.
    pub visibility_timeout: Duration,
    /// Whether messages are base64 on the wire.
    pub base64: bool,
}

/// A function that the host indexed.
#[derive(Debug, Clone)]
pub struct Function {
    /// Name of its folder.
    pub name: String,
    /// Its one trigger.
    pub trigger: Trigger,
    /// All bindings, the trigger included.
    pub bindings: Vec<Binding>,
    /// `retry.maxRetryCount`, if it has a retry policy.
    pub max_retry_count: Option<i64>,
}

/// What starts a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    /// A schedule, with settings filled in.
    Timer {
        /// NCRONTAB.
        schedule: String,
    },
    /// A message in a queue.
    Queue {
        /// Name of the queue, with settings filled in.
        queue: String,
    },
    /// A request.
    Http {
        /// Route without the prefix.
        route: String,
        /// Upper case; empty for all.
        methods: Vec<String>,
        /// Whether anybody may call it.
        anonymous: bool,
    },
}

/// One binding of a function.
#[derive(Debug, Clone)]
pub struct Binding {
    /// Its name.
    pub name: String,
    /// `timerTrigger`, `queue`, `http`, …
    pub kind: String,
    /// Whether it is an output.
    pub is_output: bool,
    /// `dataType`, if set.
    pub data_type: Option<String>,
    /// `queueName` with settings filled in, if set.
    pub queue: Option<String>,
}

impl Function {
    /// The trigger's binding.
    pub fn trigger_binding(&self) -> &Binding {
        self.bindings
            .iter()
            .find(|binding| binding.kind.ends_with("Trigger"))
            .expect("an indexed function has a trigger")
    }

    /// Its outputs.
    pub fn outputs(&self) -> impl Iterator<Item = &Binding> {
        self.bindings.iter().filter(|binding| binding.is_output)
    }
}

impl App {
    /// Reads a folder as the host does. Functions that do not index become
    /// [`problems`](Self::problems).
    ///
    /// # Errors
    ///
    /// If `host.json` is missing, is not JSON, or says nothing the host could start.
    pub fn read(folder: &AppFolder, settings: &BTreeMap<String, String>) -> Result<App, String> {
        let root = folder.path();
        let text = fs::read_to_string(root.join("host.json"))
            .map_err(|error| format!("host.json cannot be read: {error}"))?;
        let host: Value =
            serde_json::from_str(&text).map_err(|error| format!("host.json: {error}"))?;
        if host["version"] != "2.0" {
            return Err("host.json has no \"version\": \"2.0\"".to_owned());
        }
        let mut functions = BTreeMap::new();
        let mut problems = Vec::new();
        let entries = fs::read_dir(root).map_err(|error| error.to_string())?;
        for entry in entries.filter_map(Result::ok) {
            let path = entry.path().join("function.json");
            if !path.is_file() {
                continue;
            }
            let name = entry.file_name().to_string_lossy().into_owned();
            let disabled = settings.get(&format!("AzureWebJobs.{name}.Disabled"));
            if disabled.is_some_and(|value| value.eq_ignore_ascii_case("true") || value == "1") {
                continue;
            }
            let read = fs::read_to_string(path)
                .map_err(|error| error.to_string())
                .and_then(|text| Function::parse(&name, &text, settings));
            match read {
                Ok(function) => {
                    functions.insert(name, function);
                }
                Err(problem) => problems.push(format!("{name}: {problem}")),
            }
        }
        problems.sort();
        let queues = &host["extensions"]["queues"];
        let batch_size = queues["batchSize"].as_u64().unwrap_or(16).clamp(1, 32);
        let number = |value: &Value, otherwise| value.as_u64().unwrap_or(otherwise);
        Ok(App {
            functions,
            problems,
            route_prefix: host["extensions"]["http"]["routePrefix"]
                .as_str()
                .unwrap_or("api")
                .trim_matches('/')
                .to_owned(),
            queues: QueueSettings {
                batch_size: usize::try_from(batch_size).expect("at most 32"),
                new_batch_threshold: number(&queues["newBatchThreshold"], batch_size / 2)
                    .try_into()
                    .map_err(|_| "newBatchThreshold is too large")?,
                max_dequeue_count: number(&queues["maxDequeueCount"], 5)
                    .try_into()
                    .map_err(|_| "maxDequeueCount is too large")?,
                visibility_timeout: span(&queues["visibilityTimeout"])?.unwrap_or_default(),
                base64: queues["messageEncoding"] != "none",
            },
            function_timeout: match host["functionTimeout"].as_str() {
                Some("-1") => None,
                _ => Some(span(&host["functionTimeout"])?.unwrap_or(Duration::from_secs(1800))),
            },
            initialization_timeout: span(&host["customHandler"]["initializationTimeout"])?
                .unwrap_or(Duration::from_secs(30)),
            host,
        })
    }
}

impl Function {
    /// Reads a `function.json`.
    fn parse(
        name: &str,
        text: &str,
        settings: &BTreeMap<String, String>,
    ) -> Result<Function, String> {
        if !is_function_name(name) {
            return Err("the folder's name is not a function's name".to_owned());
        }
        let json: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let list = json["bindings"].as_array().ok_or("it has no `bindings`")?;
        let mut bindings: Vec<Binding> = Vec::new();
        let mut trigger = None;
        for item in list {
            let text = |key: &str| item[key].as_str().map(str::to_owned);
            let setting = |key: &str| {
                let value = text(key).ok_or_else(|| format!("`{key}` is missing"))?;
                resolve(&value, settings)
            };
            let kind = text("type").ok_or("a binding has no `type`")?;
            let binding_name = text("name").ok_or("a binding has no `name`")?;
            if !is_binding_name(&binding_name) {
                return Err(format!("`{binding_name}` is not a binding's name"));
            }
            let same = |other: &Binding| other.name.eq_ignore_ascii_case(&binding_name);
            if bindings.iter().any(same) {
                return Err(format!("two bindings are named `{binding_name}`"));
            }
            let is_trigger = kind.to_ascii_lowercase().ends_with("trigger");
            let is_output = match item["direction"].as_str() {
                Some("out") => true,
                Some("in") | None => false,
                Some(other) => return Err(format!("`{other}` is not a direction")),
            };
            if is_trigger && is_output {
                return Err("a trigger is an output".to_owned());
            }
            if is_trigger {
                let found = match kind.as_str() {
                    "timerTrigger" => {
                        let schedule = setting("schedule")?;
                        if !matches!(schedule.split_whitespace().count(), 5 | 6) {
                            return Err(format!("`{schedule}` is not a schedule"));
                        }
                        Trigger::Timer { schedule }
                    }
                    "queueTrigger" => Trigger::Queue {
                        queue: setting("queueName")?,
                    },
                    "httpTrigger" => Trigger::Http {
                        route: text("route").unwrap_or_else(|| name.to_owned()),
                        methods: item["methods"]
                            .as_array()
                            .into_iter()
                            .flatten()
                            .filter_map(|method| Some(method.as_str()?.to_ascii_uppercase()))
                            .collect(),
                        anonymous: item["authLevel"] == "anonymous",
                    },
                    other => return Err(format!("this host knows no trigger `{other}`")),
                };
                if trigger.replace(found).is_some() {
                    return Err("it has two triggers".to_owned());
                }
            }
            bindings.push(Binding {
                name: binding_name,
                is_output,
                data_type: text("dataType"),
                queue: match text("queueName") {
                    Some(queue) => Some(resolve(&queue, settings)?),
                    None => None,
                },
                kind,
            });
        }
        Ok(Function {
            name: name.to_owned(),
            trigger: trigger.ok_or("it has no trigger")?,
            bindings,
            max_retry_count: json["retry"]["maxRetryCount"].as_i64(),
        })
    }
}

/// A letter, then letters, digits, `_` and `-`; at most 128; not `host`.
pub fn is_function_name(name: &str) -> bool {
    is_name(name, "_-") && !name.eq_ignore_ascii_case("host")
}

/// A letter, then letters and digits; at most 128; or `$return`.
pub fn is_binding_name(name: &str) -> bool {
    name == "$return" || is_name(name, "")
}

fn is_name(name: &str, also: &str) -> bool {
    name.len() <= 128
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name
            .chars()
            .all(|one| one.is_ascii_alphanumeric() || also.contains(one))
}

/// Fills in a value that is a setting's name between percent signs.
fn resolve(value: &str, settings: &BTreeMap<String, String>) -> Result<String, String> {
    let name = value
        .strip_prefix('%')
        .and_then(|rest| rest.strip_suffix('%'))
        .filter(|name| !name.is_empty());
    match name {
        None => Ok(value.to_owned()),
        Some(name) => settings
            .get(name)
            .filter(|setting| !setting.is_empty())
            .cloned()
            .ok_or_else(|| format!("the setting {name} is missing")),
    }
}

/// Reads `hh:mm:ss` or `d.hh:mm:ss`.
fn span(value: &Value) -> Result<Option<Duration>, String> {
    let Some(text) = value.as_str() else {
        return Ok(None);
    };
    let wrong = || format!("`{text}` is not a time span");
    let (days, clock) = text.split_once('.').unwrap_or(("0", text));
    let parts: Vec<u64> = clock
        .split(':')
        .map(|part| part.parse().map_err(|_| wrong()))
        .collect::<Result<_, _>>()?;
    let [hours, minutes, seconds] = parts[..] else {
        return Err(wrong());
    };
    let days: u64 = days.parse().map_err(|_| wrong())?;
    Ok(Some(Duration::from_secs(
        ((days * 24 + hours) * 60 + minutes) * 60 + seconds,
    )))
}

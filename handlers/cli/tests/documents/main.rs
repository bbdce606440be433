//! The commands of documents, one after the other in one shell, as a reader types them.
//!
//! Azure CLI itself reads each `az` command, its queries and file names, and prints what it would print with
//! what Azure would answer (`tests/python/az.py`); Terraform itself makes plans and applies them
//! (`tests/python/terraform.py`); spendwatch reads its own. `stand_in.sh` looks at what the other programs
//! are given. So a command here is one that somebody with a subscription can type.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use templates::schema_folder;
use tests::python::{AZURE_CLI, TOOLS};

/// What a shell has, and a document may use as it is.
const OF_A_SHELL: [&str; 13] = [
    "bash", "cat", "cp", "date", "grep", "ls", "mkdir", "perl", "sed", "sleep", "tee", "tr",
    "xargs",
];

/// What `stand_in.sh` stands in for.
const STAND_INS: [&str; 16] = [
    "azd",
    "azurite",
    "cargo",
    "curl",
    "docker",
    "func",
    "git",
    "install",
    "jq",
    "npm",
    "rustup",
    "spendwatch",
    "systemctl",
    "terraform",
    "uuidgen",
    "zip",
];

fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().unwrap()
}

/// A script with each command on the line that it has in the document.
fn script(text: &str) -> String {
    let mut script = String::new();
    let mut language = None;
    // Of a console, which is that of the block's first line: `$ `, or `# ` of somebody who may do all.
    let mut prompt = None;
    let mut goes_on = false;
    for line in text.lines() {
        if let Some(rest) = line.trim_start().strip_prefix("```") {
            language = match language {
                None => Some(rest.trim()),
                Some(_) => None,
            };
            prompt = None;
        } else if language == Some("sh") {
            script.push_str(line);
        } else if language == Some("console") {
            let prompt = *prompt.get_or_insert(line.get(..2).unwrap_or(line));
            // All else is output.
            if let Some(command) = line.strip_prefix(prompt).or(goes_on.then_some(line)) {
                script.push_str(command);
                goes_on = command.ends_with('\\');
            }
        } else if language.is_none() {
            let spans = line.split('`').skip(1).step_by(2);
            let commands = spans.filter(|it| {
                let programs = [
                    "az ",
                    "azd ",
                    "cargo xtask ",
                    "curl ",
                    "func ",
                    "spendwatch ",
                ];
                programs.iter().any(|program| it.starts_with(program)) && !it.ends_with(" …")
            });
            for command in commands {
                script.push_str(&command.replace(['<', '>'], ""));
                script.push_str("; ");
            }
        }
        script.push('\n');
    }
    script
}

/// A command for a shell.
fn words(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let quoted: Vec<String> = words
        .map(|it| format!("'{}'", it.to_str().unwrap()))
        .collect();
    quoted.join(" ")
}

/// Whether Terraform is there, which it is not for every platform.
fn has_terraform(schemas: &Path) -> bool {
    let mut command = TOOLS.command("terraform.py");
    command.env("SPENDWATCH_INFRA_SCHEMA", schemas);
    TOOLS.available("Terraform in documents")
        && command.arg("-version").output().unwrap().status.success()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if !entry.file_type().unwrap().is_dir() {
            fs::copy(entry.path(), to).unwrap();
        } else if entry.file_name() != ".terraform" {
            copy(&entry.path(), &to);
        }
    }
}

/// A folder like a clone of the repository, and programs for it.
struct Walk {
    folder: TempDir,
}

impl Walk {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let walk = Walk { folder };
        fs::create_dir_all(walk.programs()).unwrap();
        fs::create_dir_all(walk.clone_folder().join("config")).unwrap();
        // Terraform writes into its folders.
        copy(&root().join("infra"), &walk.clone_folder().join("infra"));
        // Files of their own that readers have.
        for name in ["series.jsonl", "spendwatch.toml"] {
            fs::write(walk.clone_folder().join(name), "").unwrap();
        }
        let path = std::env::var_os("PATH").unwrap();
        for tool in OF_A_SHELL {
            let at = std::env::split_paths(&path).map(|it| it.join(tool));
            let at = at.into_iter().find(|it| it.is_file());
            let at = at.unwrap_or_else(|| panic!("there is no {tool}"));
            symlink(at, walk.programs().join(tool)).unwrap();
        }
        let stand_in = include_str!("stand_in.sh");
        for name in STAND_INS {
            walk.program(name, stand_in);
        }
        let az = words(&AZURE_CLI.command("az.py"));
        // Also where a shell takes no notice: `az … && …`.
        let az = format!(
            "{az} \"$@\" || {{ code=$?; echo \"az $*: exit code $code\" >&3; exit $code; }}\n"
        );
        walk.program("az", &az);
        walk
    }

    fn programs(&self) -> PathBuf {
        self.folder.path().join("programs")
    }

    fn clone_folder(&self) -> PathBuf {
        self.folder.path().join("clone")
    }

    fn program(&self, name: &str, text: &str) {
        let bash = self.programs().join("bash");
        let path = self.programs().join(name);
        fs::write(&path, format!("#!{}\n{text}", bash.display())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Runs the commands of a document, and returns what went wrong, with its line.
    fn run(&self, document: &str, text: &str) -> String {
        let script = format!(
            "set -uE -o pipefail; trap 'echo \"{document}:$LINENO: exit code $?: $BASH_COMMAND\" >&3' ERR; {}",
            script(text)
        );
        let failures = self.folder.path().join("failures");
        let file = self.folder.path().join("script");
        fs::write(&file, format!("exec 3> '{}'; {script}", failures.display())).unwrap();
        let mut command = Command::new(self.programs().join("bash"));
        command.arg(&file).current_dir(self.clone_folder());
        command.env_clear().env("PATH", self.programs());
        command.env("HOME", self.folder.path());
        command.env("ROOT", root());
        command.env("SPENDWATCH", env!("CARGO_BIN_EXE_spendwatch"));
        let subscription = "cb19a59e-9d05-4c18-ae1a-2d33f2a0af56";
        if document.starts_with("infra/examples/") {
            // What the main page, which they name, has set before.
            command.env("SUBSCRIPTION", subscription);
            command.env("ME", "8d2c6f0e-5b0a-4a6f-9a39-0e2f4c1b7a55");
            command.env("EMAIL", "you@contoso.example");
        }
        command.env("TERRAFORM", "");
        if let Some(schemas) = schema_folder(&root()).filter(|it| has_terraform(it)) {
            command.env("SPENDWATCH_INFRA_SCHEMA", schemas);
            command.env("TERRAFORM", words(&TOOLS.command("terraform.py")));
        }
        if document == "docs/azure.md" {
            // What its text says that they are.
            let account = "/providers/Microsoft.Billing/billingAccounts/86420975";
            command.env("ACCOUNT", account);
            for name in ["CUSTOMER", "PROFILE"] {
                command.env(name, format!("{account}/billingProfiles/ABCD"));
            }
            command.env("PAYG", format!("/subscriptions/{subscription}"));
        }
        // What somebody types who is asked.
        let typed = self.folder.path().join("typed");
        fs::write(&typed, "made up\n".repeat(9)).unwrap();
        command.stdin(fs::File::open(&typed).unwrap());
        let output = command.output().unwrap();
        let mut wrong = fs::read_to_string(failures).unwrap();
        if !wrong.is_empty() || !output.status.success() {
            wrong.push_str(&format!("{}\n", output.status));
            wrong.push_str(&String::from_utf8_lossy(&output.stdout));
            wrong.push_str(&String::from_utf8_lossy(&output.stderr));
        }
        wrong
    }
}

/// Runs the commands of a document, which must all be right.
#[track_caller]
fn walk(document: &str) -> Walk {
    let text = fs::read_to_string(root().join(document)).unwrap();
    let walk = Walk::new();
    let wrong = walk.run(document, &text);
    assert!(wrong.is_empty(), "\n{wrong}");
    walk
}

/// The documents that take long enough for tests of their own.
const LONG: [&str; 4] = [DEPLOYING, RUNBOOK, MANY, BILLING];
const DEPLOYING: &str = "infra/README.md";
const RUNBOOK: &str = "docs/runbook.md";
const MANY: &str = "infra/examples/many-subscriptions/README.md";
const BILLING: &str = "infra/examples/billing-scope/README.md";

/// Runs a document, which has written a configuration by then.
#[track_caller]
fn configured(document: &str) {
    if !AZURE_CLI.available(document) {
        return;
    }
    let walk = walk(document);
    let mut check = Command::new(env!("CARGO_BIN_EXE_spendwatch"));
    check.args(["check", "--config", "config"]);
    let output = check.current_dir(walk.clone_folder()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn deploying() {
    configured(DEPLOYING);
}

#[test]
fn many_subscriptions() {
    configured(MANY);
}

#[test]
fn billing_accounts() {
    configured(BILLING);
}

#[test]
fn the_runbook() {
    if AZURE_CLI.available(RUNBOOK) {
        walk(RUNBOOK);
    }
}

#[test]
fn all_other_documents() {
    if !AZURE_CLI.available("the commands of documents") {
        return;
    }
    let mut documents = vec!["README.md".to_owned()];
    for folder in ["docs", "infra/examples"] {
        markdown(folder, &mut documents);
    }
    documents.retain(|it| !LONG.contains(&it.as_str()));
    assert!(documents.len() > 15, "{documents:?}");
    for document in documents {
        walk(&document);
    }
}

fn markdown(folder: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(root().join(folder)).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{folder}/{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            markdown(&path, found);
        } else if path.ends_with(".md") {
            found.push(path);
        }
    }
}

/// Each mistake is said with its line, and with what the program says of it.
#[test]
fn mistakes_are_found() {
    if !AZURE_CLI.available("mistakes in commands") {
        return;
    }
    let mistakes = [
        ("az group crate -n a", "'crate' is misspelled"),
        ("az group create -n a --locaton b", "--locaton"),
        ("az group create --location b", "--name"),
        ("az account show --query 'id['", "query"),
        ("A=$(az account show --query ids -o tsv)", "finds nothing"),
        ("A=$(az group list --query '[].id')", "no answer"),
        (
            "az storage blob upload-batch --account-name a --auth-mode login -d config -s nowhere",
            "existing directory",
        ),
        (
            "az group crate -n a && true",
            "az group crate -n a: exit code 2",
        ),
        (
            "az group crate -n a | cat",
            "az group crate -n a: exit code 2",
        ),
        ("spendwatch chek && true", "exit code 2 of chek"),
        (
            "az functionapp deployment source config-zip -g a -n b --src nowhere.zip",
            "no file nowhere.zip",
        ),
        (
            "az rest --method put --url /a --body @nowhere.json",
            "no file nowhere.json",
        ),
        (
            "az storage message peek --account-name a --auth-mode login --queue-name b --query '[].{text: contet}'",
            "finds nothing",
        ),
        ("cargo xtask pakage", "no task pakage"),
        ("spendwatch chek", "chek"),
        ("spendwatch check --confg config", "--confg"),
        ("curl https://example.com/api/health", "is not the app"),
        ("curl $URL/api/helth", "there is no"),
        (
            "curl -H 'x-functions-key: key' $URL/api/evaluate",
            "does not take GET",
        ),
        ("curl -X POST $URL/api/evaluate", "wants a key"),
        ("azd env set SPENDWATCH_EMAILS a", "no parameter"),
        ("azd env get-value GROUP", "no output"),
        ("terraform -chdir=infra/nowhere init", "infra/nowhere"),
        (
            "az deployment group what-if -g a --parameters infra/examples/one-subscription/bicep/main.bicepparam",
            "SUBSCRIPTION, which is not exported",
        ),
        (
            "terraform output -json spendwatch | jq -r .nothing",
            "nothing is",
        ),
        ("echo $UNSET", "UNSET"),
        ("unknown-program", "unknown-program"),
    ];
    std::thread::scope(|scope| {
        for (command, said) in mistakes {
            scope.spawn(move || {
                let url = "URL=https://func-spendwatch-ab12cd.azurewebsites.net";
                let text = format!("A text.\n\n```sh\n{url}\n{command}\n```\n");
                let wrong = Walk::new().run("a.md", &text);
                let place = match said {
                    "UNSET" => "line 5",
                    said if said.contains("exit code") => said,
                    _ => "a.md:5: ",
                };
                assert!(
                    wrong.contains(place) && wrong.contains(said),
                    "{command}: {wrong}"
                );
            });
        }
    });
}

#[test]
fn commands_stand_on_the_lines_of_the_document() {
    let text = "Text with `az version` and `a file`.\n```console\n$ a \\\n    b\noutput\n```\n\n```toml\nc = 1\n```\n```sh\nd\n```\n";
    assert_eq!(
        script(text),
        "az version; \n\na \\\n    b\n\n\n\n\n\n\n\nd\n\n"
    );
}
